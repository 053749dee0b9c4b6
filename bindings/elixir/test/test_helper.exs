ExUnit.start(capture_log: true)

defmodule Support do
  @moduledoc false

  def event(fields \\ %{}) do
    Map.merge(%{type: "Opened", domain: "account", instance_id: "a-1"}, Map.new(fields))
  end

  # A folder that is gone when the test ends.
  def folder do
    path =
      Path.join(System.tmp_dir!(), "runestore-elixir-#{System.pid()}-#{System.unique_integer([:positive])}")

    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(path) end)
    path
  end

  # What happens soon, but not at once.
  def eventually(test, attempts \\ 200) do
    cond do
      result = test.() -> result
      attempts == 0 -> raise ExUnit.AssertionError, message: "it did not happen within seconds"
      true -> Process.sleep(20) && eventually(test, attempts - 1)
    end
  end

  def now, do: System.monotonic_time(:millisecond)
end
