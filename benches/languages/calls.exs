# One event a call, and one event a read, in memory: as many calls as the variable CALLS says. Prints seconds.
{:ok, _} = Application.ensure_all_started(:runestore)
calls = "CALLS" |> System.fetch_env!() |> String.to_integer()

defmodule Calls do
  def append(store, calls) do
    for n <- 0..(calls - 1) do
      event = %{type: "Deposited", domain: "account", instance_id: "a-#{rem(n, 1000)}", data: %{cents: n}}
      [%{sequence_number: number}] = Runestore.append!(store, event)
      true = number == n + 1
    end
  end

  def get_events(store, calls) do
    for n <- 0..(calls - 1) do
      [%{data: %{"cents" => ^n}}] = Runestore.get_events!(store, %{after: n, up_to: n + 1})
    end
  end
end

store = Runestore.open!()

for {name, work} <- [append: &Calls.append/2, get_events: &Calls.get_events/2] do
  {micros, _} = :timer.tc(work, [store, calls])
  IO.puts("#{name} #{micros / 1_000_000}")
end
