defmodule Runestore.MemoryTest do
  # What goes through the NIF a hundred thousand times leaves nothing behind. RUNESTORE_TEST_CALLS=1000000 makes it
  # a million.
  use ExUnit.Case, async: false

  @calls String.to_integer(System.get_env("RUNESTORE_TEST_CALLS") || "100000")
  # A text of a KiB that were kept by one of ten calls would come to as much, or more.
  @allowed_kib 8 * 1024

  defp grown(mode, calls) do
    script = Path.expand("memory/calls.exs", __DIR__)
    ebin = Path.join(Mix.Project.app_path(), "ebin")
    args = ["-pa", ebin, script, mode, to_string(calls)]
    {output, 0} = System.cmd("elixir", args, stderr_to_stdout: true)
    [_, kib] = Regex.run(~r/^grown (-?\d+) KiB/m, output)
    String.to_integer(kib)
  end

  @tag timeout: :infinity
  test "memory does not grow by calls" do
    kib = grown("calls", @calls)
    IO.puts("\nmemory: #{@calls} calls, grown by #{kib} KiB")
    assert kib < @allowed_kib
  end

  @tag timeout: :infinity
  test "memory does not grow by batches appended and read, nor by stores opened and forgotten" do
    kib = grown("batches", @calls)
    IO.puts("\nmemory: #{@calls} events appended and read twice, grown by #{kib} KiB")
    # A round is 5,000 events, some 2 MiB of text: that of each round is kept by nothing.
    assert kib < 2 * @allowed_kib
  end

  @tag timeout: :infinity
  test "what one of ten calls keeps is seen" do
    assert grown("kept", 100_000) > @allowed_kib
  end
end
