# What docs/LANGUAGES.md says of closing, threads and cancelling, from Elixir. Its threads are processes, its followers subscriptions.
defmodule Outcomes do
  @event %{type: "T", domain: "d", instance_id: "i"}

  def run do
    store = opened()
    Runestore.append!(store, @event)
    cursor = Runestore.stream(store)
    Runestore.close(store)
    IO.puts("append after close: #{outcome(fn -> Runestore.append(store, @event) end)}")
    IO.puts("get_events after close: #{outcome(fn -> Runestore.get_events(store) end)}")
    IO.puts("a cursor after close: #{outcome(fn -> Enum.to_list(cursor) end)}")
    IO.puts("close again: #{if outcome(fn -> Runestore.close(store) end) == "nothing", do: "no harm", else: "harm"}")

    store = opened()
    IO.puts("a wait, closed meanwhile: #{closed_meanwhile(store, fn -> Runestore.wait(store, 1_000_000) end)}")

    store = opened()
    IO.puts("a follower, closed meanwhile: #{closed_meanwhile(store, fn -> follow(store) end)}")

    store = opened()
    acknowledged = :counters.new(1, [])
    :counters.put(acknowledged, 1, Runestore.head!(store))
    IO.puts("appends, closed meanwhile: #{closed_meanwhile(store, fn -> append_for_ever(store, acknowledged) end)}")
    store = opened()
    there = Enum.map(Runestore.stream(store), & &1.sequence_number)
    all_there = length(there) > 1 and there == Enum.to_list(1..:counters.get(acknowledged, 1))
    IO.puts("what was acknowledged: #{if all_there, do: "all there", else: "not what is there"}")

    two_threads(store)

    {:ok, subscription} = Runestore.subscribe(store)
    follower = Process.monitor(subscription.pid)
    Process.sleep(100)
    Runestore.Subscription.cancel(subscription)

    ending =
      receive do
        {:DOWN, ^follower, _, _, :normal} -> "ends"
        {:DOWN, ^follower, _, _, reason} -> inspect(reason)
      end

    goes_on = outcome(fn -> Runestore.append(store, @event) end) == "nothing"
    IO.puts("a follower, cancelled: it #{ending}, and the store #{if goes_on, do: "goes on", else: "does not"}")
    Runestore.close(store)
  end

  defp opened, do: Runestore.open!(System.fetch_env!("OUTCOMES_STORE"))

  defp outcome(work) do
    case work.() do
      {:error, error} -> to_string(error.code)
      _ -> "nothing"
    end
  rescue
    error in Runestore.Error -> to_string(error.code)
  end

  defp closed_meanwhile(store, work) do
    running = Task.async(fn -> outcome(work) end)
    Process.sleep(100)
    Runestore.close(store)
    Task.await(running)
  end

  defp follow(store) do
    {:ok, %{ref: ref} = subscription} = Runestore.subscribe(store)
    follow(subscription, ref)
  end

  defp follow(subscription, ref) do
    receive do
      {:runestore, ^ref, {:events, _, _}} ->
        Runestore.Subscription.ack(subscription)
        follow(subscription, ref)

      {:runestore, ^ref, ending} ->
        ending
    end
  end

  defp append_for_ever(store, acknowledged) do
    with {:ok, [_]} <- Runestore.append(store, @event) do
      :counters.add(acknowledged, 1, 1)
      append_for_ever(store, acknowledged)
    end
  end

  defp two_threads(store) do
    before = Runestore.head!(store)

    append_a_thousand = fn name ->
      for data <- 1..1000, do: Runestore.append!(store, %{type: "T", domain: "two", instance_id: name, data: data})
    end

    ["0", "1"] |> Enum.map(&Task.async(fn -> append_a_thousand.(&1) end)) |> Task.await_many(:infinity)
    events = Runestore.get_events!(store, domain: "two")
    gapless = Enum.map(events, & &1.sequence_number) == Enum.to_list((before + 1)..(before + 2000))
    own = fn name -> for event <- events, event.instance_id == name, do: event.data end
    ordered = Enum.all?(["0", "1"], &(own.(&1) == Enum.to_list(1..1000)))

    IO.puts(
      "two threads on one store: #{length(events)} events, #{if gapless, do: "no", else: "a"} gap, " <>
        "each thread's in #{if ordered, do: "its", else: "another"} order"
    )
  end
end

Outcomes.run()
