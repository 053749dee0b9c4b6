defmodule Runestore.ReadmeTest do
  # The first example of README.md is run, and prints what its comments say. Elixir has one device for what a group of
  # processes prints, and one folder for the VM: nothing runs beside it.
  use ExUnit.Case, async: false
  import ExUnit.CaptureIO
  import Support

  test "the example prints what it says" do
    readme = File.read!(Path.expand("../README.md", __DIR__))
    [_, code] = Regex.run(~r/```elixir\n(.*?)```/s, readme)
    said = for [_, line] <- Regex.scan(~r/# -> (.*)$/m, code), do: line
    assert length(said) == 5

    path = folder()
    File.mkdir_p!(path)
    here = File.cwd!()
    on_exit(fn -> File.cd!(here) end)
    File.cd!(path)

    printed = capture_io(fn -> Code.eval_string(code) end)
    assert String.split(printed, "\n", trim: true) == said
    assert File.dir?(Path.join(path, "ledger.runes"))
  end
end
