defmodule Runestore.Closer do
  @moduledoc false
  # Closes the stores that nobody closed. The garbage collector finds them on an ordinary scheduler, where a close, which
  # may sync a disk, has no place: the NIF sends their numbers here.
  use GenServer

  alias Runestore.Native

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    Process.flag(:trap_exit, true)
    :ok = Native.closer()
    {:ok, nil}
  end

  # Most were closed before, which is an answer like any other.
  @impl true
  def handle_info({:close, number}, state) do
    Native.close_forgotten(number)
    {:noreply, state}
  end

  def handle_info(_, state), do: {:noreply, state}

  # What was sent is closed, also when the application stops.
  @impl true
  def terminate(reason, state) do
    receive do
      {:close, number} ->
        Native.close_forgotten(number)
        terminate(reason, state)
    after
      0 -> :ok
    end
  end
end
