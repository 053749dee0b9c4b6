defmodule Runestore.SubscriptionTest do
  use ExUnit.Case, async: true
  import Support

  alias Runestore.{Error, Subscription}

  setup do
    %{store: Runestore.open!()}
  end

  defp many(range), do: for(n <- range, do: event(data: n))

  # All data until a number of events is there, acknowledged one delivery after the other.
  defp collect(subscription, count, found \\ [], position \\ 0)
  defp collect(_, count, found, position) when length(found) >= count, do: {found, position}

  defp collect(subscription, count, found, _) do
    ref = subscription.ref
    assert_receive {:runestore, ^ref, {:events, events, position}}, 5000
    Subscription.ack(subscription)
    collect(subscription, count, found ++ Enum.map(events, & &1.data), position)
  end

  # Asked by another process: one that asks about itself does not count what it has not taken in yet.
  defp in_mailbox do
    pid = self()
    {:message_queue_len, length} = Task.await(Task.async(fn -> Process.info(pid, :message_queue_len) end))
    length
  end

  test "what is there and what comes is one sequence", %{store: store} do
    Runestore.append!(store, many(1..250))
    subscription = Runestore.subscribe!(store)
    writer = Task.async(fn -> for n <- 251..500, do: Runestore.append!(store, event(data: n)) end)
    assert collect(subscription, 500) == {Enum.to_list(1..500), 500}
    Task.await(writer)
    Process.sleep(150)
    refute_received _
    Runestore.append!(store, event(data: 501))
    assert collect(subscription, 1) == {[501], 501}
  end

  test "from a position, of a query", %{store: store} do
    Runestore.append!(store, for(n <- 1..20, do: event(type: "T#{rem(n, 2)}", data: n)))
    ten = [10, 12, 14, 16, 18, 20]
    assert {^ten, 20} = collect(Runestore.subscribe!(store, query: [type: "T0"], after: 9), 6)

    assert {^ten, 20} =
             collect(Runestore.subscribe!(store, query: %{"type" => "T0", "after" => 3}, after: 9), 6)

    either = [[type: "T0"], %{type: "T1", up_to: 11}]
    assert {[10, 11, 12], _} = collect(Runestore.subscribe!(store, query: either, after: 9, batch: 3), 3)

    assert {[12, 14], 14} =
             collect(Runestore.subscribe!(store, query: [type: "T0", after: 11], after: 9, batch: 2), 2)
  end

  test "a slow subscriber has no more in its mailbox than it asked for", %{store: store} do
    Runestore.append!(store, many(1..1000))
    subscription = Runestore.subscribe!(store, batch: 10, in_flight: 3)
    eventually(fn -> in_mailbox() == 3 end)
    Process.sleep(100)
    assert in_mailbox() == 3
    ref = subscription.ref
    assert_receive {:runestore, ^ref, {:events, events, 10}}
    assert length(events) == 10
    Process.sleep(50)
    assert in_mailbox() == 2
    Subscription.ack(subscription)
    eventually(fn -> in_mailbox() == 3 end)
    Process.sleep(50)
    assert in_mailbox() == 3
    assert {found, 1000} = collect(subscription, 990)
    assert found == Enum.to_list(11..1000)
  end

  test "cancelled, it is silent at once", %{store: store} do
    Runestore.append!(store, many(1..10))
    subscription = Runestore.subscribe!(store, batch: 1, in_flight: 5)
    Process.sleep(50)
    assert Subscription.cancel(subscription) == :ok
    assert Subscription.cancel(subscription) == :ok
    refute Process.alive?(subscription.pid)
    Runestore.append!(store, many(1..10))
    Process.sleep(50)
    refute_received _
  end

  test "cancelled while it waits", %{store: store} do
    subscription = Runestore.subscribe!(store)
    eventually(fn -> Registry.lookup(Runestore.Watchers, store.id) != [] end)
    assert Subscription.cancel(subscription) == :ok
    eventually(fn -> Registry.lookup(Runestore.Watchers, store.id) == [] end)
  end

  test "it ends with its subscriber", %{store: store} do
    parent = self()

    subscriber =
      spawn(fn ->
        send(parent, Runestore.subscribe!(store))
        Process.sleep(:infinity)
      end)

    assert_receive %Subscription{pid: pid}
    monitor = Process.monitor(pid)
    Process.exit(subscriber, :kill)
    assert_receive {:DOWN, ^monitor, :process, _, :normal}, 2000
  end

  test "the close of the store is its last message, also for who is slow", %{store: store} do
    Runestore.append!(store, many(1..10))
    %{ref: idle} = Runestore.subscribe!(store, after: 10)
    %{ref: slow} = Runestore.subscribe!(store, batch: 1)
    assert_receive {:runestore, ^slow, {:events, [_], 1}}
    Process.sleep(50)
    Runestore.close!(store)
    assert_receive {:runestore, ^idle, {:error, %Error{code: :closed}}}, 1000
    assert_receive {:runestore, ^slow, {:error, %Error{code: :closed}}}, 1000
    refute_received _
  end

  test "it is done behind its limit, and behind up_to", %{store: store} do
    Runestore.append!(store, many(1..10))
    %{ref: ref} = subscription = Runestore.subscribe!(store, limit: 3)
    assert {[1, 2, 3], 3} = collect(subscription, 3)
    assert_receive {:runestore, ^ref, :done}
    %{ref: ref} = subscription = Runestore.subscribe!(store, query: [up_to: 12], after: 8)
    monitor = Process.monitor(subscription.pid)
    assert {[9, 10], 10} = collect(subscription, 2)
    Runestore.append!(store, many(11..14))
    assert {[11, 12], 12} = collect(subscription, 2)
    assert_receive {:runestore, ^ref, :done}
    assert_receive {:DOWN, ^monitor, :process, _, :normal}
  end

  test "an interrupt does not end it", %{store: store} do
    subscription = Runestore.subscribe!(store)
    for _ <- 1..20, do: Process.sleep(5) && Runestore.interrupt!(store)
    Runestore.append!(store, event(data: 1))
    assert collect(subscription, 1) == {[1], 1}
  end

  test "wrong options", %{store: store} do
    assert {:error, %Error{code: :invalid_query}} = Runestore.subscribe(store, query: [tpye: "x"])
    assert {:error, %Error{code: :invalid_query}} = Runestore.subscribe(store, after: -1)
    assert {:error, %Error{code: :invalid_options}} = Runestore.subscribe(store, batch: 0)
    assert {:error, %Error{code: :invalid_options}} = Runestore.subscribe(store, limit: "x")
    assert_raise ArgumentError, fn -> Runestore.subscribe(store, behind: 1) end
  end

  test "for another process", %{store: store} do
    parent = self()
    other = spawn(fn -> receive(do: (message -> send(parent, {:got, message}))) end)
    %{ref: ref} = Runestore.subscribe!(store, to: other)
    Runestore.append!(store, event(data: 7))
    assert_receive {:got, {:runestore, ^ref, {:events, [%{data: 7}], 1}}}, 2000
  end

  test "two processes, one appends and one follows, thousands of events", %{store: store} do
    follower =
      Task.async(fn ->
        subscription = Runestore.subscribe!(store, batch: 37)
        collect(subscription, 5000)
      end)

    for n <- 0..499, do: Runestore.append!(store, many((10 * n + 1)..(10 * n + 10)))
    assert Task.await(follower, 30_000) == {Enum.to_list(1..5000), 5000}
  end

  test "a follower of another handle, which reads the file beside its writer" do
    path = folder()
    writer = Runestore.open!(path)
    reader = Runestore.open!(path: path, read_only: true)
    subscription = Runestore.subscribe!(reader)
    for n <- 1..50, do: Runestore.append!(writer, event(data: n))
    assert collect(subscription, 50) == {Enum.to_list(1..50), 50}
  end
end
