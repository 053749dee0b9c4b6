defmodule Runestore.WaitingTest do
  use ExUnit.Case, async: true
  import Support

  alias Runestore.{Error, Watcher}

  setup do
    %{store: Runestore.open!()}
  end

  defp watchers(store), do: Registry.lookup(Runestore.Watchers, store.id)

  test "what is there already is answered at once, and nobody watches", %{store: store} do
    Runestore.append!(store, [event(), event()])
    assert Runestore.wait(store, 0) == {:ok, 2}
    assert Runestore.wait(store, 1, 0) == {:ok, 2}
    assert Runestore.wait(store, 2, 0) == {:timeout, 2}
    assert watchers(store) == []
  end

  test "a wait ends in time", %{store: store} do
    began = now()
    assert Runestore.wait(store, 0, 30) == {:timeout, 0}
    assert now() - began >= 30
    refute_received _
  end

  test "an append ends a wait", %{store: store} do
    waiting = for _ <- 1..50, do: Task.async(fn -> Runestore.wait(store, 0, 30_000) end)
    late = Task.async(fn -> Runestore.wait(store, 1, 30_000) end)
    eventually(fn -> watchers(store) != [] end)
    Process.sleep(50)
    Runestore.append!(store, event())
    assert Enum.all?(Task.await_many(waiting, 5000), &(&1 == {:ok, 1}))
    refute Task.yield(late, 50)
    Runestore.append!(store, event())
    assert Task.await(late) == {:ok, 2}
    # The one who waited for all of them is gone when nobody waits any more.
    eventually(fn -> watchers(store) == [] end)
  end

  test "closing the store ends a wait at once", %{store: store} do
    waiting = for _ <- 1..5, do: Task.async(fn -> {Runestore.wait(store, 0), now()} end)
    eventually(fn -> watchers(store) != [] end)
    Process.sleep(150)
    closed = now()
    assert Runestore.close(store) == :ok

    for {answer, at} <- Task.await_many(waiting) do
      assert {:error, %Error{code: :closed}} = answer
      assert at - closed < 1000
    end
  end

  test "an interrupt ends the waits in progress, and no later one", %{store: store} do
    waiting = Task.async(fn -> Runestore.wait(store, 0) end)
    eventually(fn -> watchers(store) != [] end)
    Process.sleep(30)
    assert Runestore.interrupt(store) == :ok
    assert {:error, %Error{code: :interrupted}} = Task.await(waiting, 2000)
    assert Runestore.wait(store, 0, 20) == {:timeout, 0}
  end

  test "who ends while waiting is forgotten", %{store: store} do
    pid = spawn(fn -> Runestore.wait(store, 0) end)
    eventually(fn -> watchers(store) != [] end)
    Process.exit(pid, :kill)
    eventually(fn -> watchers(store) == [] end)
  end

  test "a watcher that is lost is replaced", %{store: store} do
    waiting = Task.async(fn -> Runestore.wait(store, 0, 30_000) end)
    [{pid, _}] = eventually(fn -> watchers(store) != [] && watchers(store) end)
    Process.exit(pid, :kill)
    eventually(fn -> match?([{other, _}] when other != pid, watchers(store)) end)
    Runestore.append!(store, event())
    assert Task.await(waiting) == {:ok, 1}
  end

  test "stores that are waited on, more than there are dirty IO schedulers, hold up no append" do
    stores = for _ <- 1..(2 * :erlang.system_info(:dirty_io_schedulers)), do: Runestore.open!()
    waiting = for store <- stores, do: Task.async(fn -> Runestore.wait(store, 0, 60_000) end)
    for store <- stores, do: eventually(fn -> watchers(store) != [] end)
    other = Runestore.open!()
    began = now()
    for _ <- 1..200, do: Runestore.append!(other, event())
    # Behind slices of 100 ms these would take ten seconds or more.
    assert now() - began < 5000
    for store <- stores, do: Runestore.append!(store, event())
    assert Enum.all?(Task.await_many(waiting, 10_000), &(&1 == {:ok, 1}))
  end

  test "an answer that comes behind the time-out is no message of the caller's", %{store: store} do
    ref = Watcher.ask(store, 0)
    Runestore.append!(store, event())
    Process.sleep(50)
    Watcher.forget(store, ref)
    refute_received _
  end
end
