defmodule Runestore.Watcher do
  @moduledoc false
  # Waits on a store, for all who want to know when its head moves.
  #
  # A wait occupies a dirty IO scheduler, of which the VM has ten: were each waiter to sit in one, ten of them would
  # stop all appends. So one process for each store waits, in slices after which it looks at its messages, and only
  # while somebody waits with it. Of all stores together half of those schedulers wait at a time; a watcher that finds
  # no place looks at its store every few milliseconds instead.
  #
  # It waits for the head to move beyond what it last saw, whatever its waiters want, so that an append wakes it at
  # once and a waiter who comes meanwhile is answered then. The store's close ends the wait at once, and the watcher.
  use GenServer, restart: :temporary

  alias Runestore.{Error, Native}

  @registry Runestore.Watchers
  @slice_ms 100
  @look_ms 10
  @idle_ms 200

  def registry, do: {Registry, keys: :unique, name: @registry}

  # ---- for those who wait ----

  @doc """
  Asks to be told when the head is beyond `position`: the caller gets {:runestore_head, ref, {:ok, head}}, or
  {:error, error} in its place, once. Where the watcher is lost that is a :DOWN of the same reference.
  """
  def ask(store, position) do
    pid = whereis_or_start(store)
    ref = :erlang.monitor(:process, pid, alias: :reply_demonitor)
    GenServer.cast(pid, {:wait, self(), ref, position})
    ref
  end

  @doc "No longer wants to be told."
  def forget(store, ref) do
    Process.demonitor(ref, [:flush])
    for {pid, _} <- Registry.lookup(@registry, store.id), do: GenServer.cast(pid, {:forget, ref})

    receive do
      {:runestore_head, ^ref, _} -> :ok
    after
      0 -> :ok
    end
  end

  @doc "Answers all who wait now with `interrupted`."
  def interrupt(store) do
    for {pid, _} <- Registry.lookup(@registry, store.id), do: GenServer.cast(pid, :interrupt)
    :ok
  end

  defp whereis_or_start(store) do
    name = {:via, Registry, {@registry, store.id}}

    case DynamicSupervisor.start_child(Runestore.Processes, {__MODULE__, {name, store}}) do
      {:ok, pid} -> pid
      {:error, {:already_started, pid}} -> pid
    end
  end

  # ---- the process ----

  def start_link({name, store}), do: GenServer.start_link(__MODULE__, store, name: name)

  @impl true
  def init(store) do
    {:ok, %{ref: store.ref, head: 0, waiters: %{}, monitors: %{}}, @idle_ms}
  end

  @impl true
  def handle_cast({:wait, pid, ref, position}, state) do
    monitor = Process.monitor(pid)
    state = put_in(state.waiters[ref], {position, monitor})
    state = put_in(state.monitors[monitor], ref)
    again(tell(state))
  end

  def handle_cast({:forget, ref}, state), do: again(drop(state, ref))

  def handle_cast(:interrupt, state) do
    answer = {:error, %Error{code: :interrupted, message: "the wait was interrupted: call again"}}
    again(Enum.reduce(Map.keys(state.waiters), state, &answer(&2, &1, answer)))
  end

  @impl true
  def handle_info(:timeout, state), do: wait(state)

  def handle_info({:DOWN, monitor, :process, _, _}, state) do
    case state.monitors do
      %{^monitor => ref} -> again(drop(state, ref))
      _ -> again(state)
    end
  end

  def handle_info(_, state), do: again(state)

  # Messages first, then a slice. Who is told of an event often waits for the next one.
  defp again(%{waiters: waiters} = state) when map_size(waiters) == 0, do: {:noreply, state, @idle_ms}
  defp again(state), do: {:noreply, state, 0}

  defp wait(%{waiters: waiters} = state) when map_size(waiters) == 0 do
    # Nobody waits. Who asks at this moment learns of the end of this process, and asks again.
    {:stop, :normal, state}
  end

  defp wait(state) do
    case slice(state) do
      {:ok, head} -> again(tell(%{state | head: head}))
      {:timeout, head} -> again(tell(%{state | head: head}))
      {:error, -19, _} -> again(state)
      {:error, status, text} -> fail(state, Error.from_native(status, text))
    end
  end

  defp fail(state, error) do
    state = Enum.reduce(Map.keys(state.waiters), state, &answer(&2, &1, {:error, error}))
    {:stop, :normal, state}
  end

  defp slice(state) do
    places = places()
    :counters.add(places, 1, 1)

    try do
      if :counters.get(places, 1) <= max(div(:erlang.system_info(:dirty_io_schedulers), 2), 1) do
        Native.wait(state.ref, state.head, @slice_ms)
      else
        Process.sleep(@look_ms)
        Native.wait(state.ref, state.head, 0)
      end
    after
      :counters.sub(places, 1, 1)
    end
  end

  defp places do
    case :persistent_term.get(__MODULE__, nil) do
      nil ->
        places = :counters.new(1, [])
        :persistent_term.put(__MODULE__, places)
        places

      places ->
        places
    end
  end

  defp tell(state) do
    beyond = for {ref, {position, _}} <- state.waiters, state.head > position, do: ref
    Enum.reduce(beyond, state, &answer(&2, &1, {:ok, state.head}))
  end

  defp answer(state, ref, answer) do
    send(ref, {:runestore_head, ref, answer})
    drop(state, ref)
  end

  defp drop(state, ref) do
    case pop_in(state.waiters[ref]) do
      {nil, state} ->
        state

      {{_, monitor}, state} ->
        Process.demonitor(monitor, [:flush])
        %{state | monitors: Map.delete(state.monitors, monitor)}
    end
  end
end
