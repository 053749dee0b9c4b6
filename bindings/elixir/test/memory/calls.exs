# usage: elixir -pa EBIN calls.exs calls|batches|kept CALLS
#
# Makes so many calls in a VM of its own, so that nothing else is measured, and prints by how many KiB it has grown.
{:ok, _} = Application.ensure_all_started(:runestore)
[mode, calls] = System.argv()
calls = String.to_integer(calls)

resident_kib = fn ->
  for pid <- Process.list(), do: :erlang.garbage_collect(pid)
  [_, kib] = Regex.run(~r/^VmRSS:\s+(\d+) kB$/m, File.read!("/proc/self/status"))
  String.to_integer(kib)
end

event = fn data -> %{type: "Opened", domain: "account", instance_id: "a-1", data: data} end
long = String.duplicate("x", 1000)
id = "0190a000-0000-7000-8000-000000000001"
one = Map.put(event.(long), :id, id)

# Ten calls, whose answers and errors hold a KiB each; none of them stores anything.
ten = fn store ->
  # A repeated append is answered by what is stored.
  {:ok, [%{id: ^id}]} = Runestore.append(store, one)
  {:ok, _} = Runestore.append(store, one, raw: true)
  {:error, %{code: :conflict}} = Runestore.append(store, event.(long), expected_version: 0)
  {:error, %{code: :invalid_event}} = Runestore.append(store, Map.put(one, long, 1))
  {:ok, [_]} = Runestore.get_events(store, id: id)
  {:error, %{code: :invalid_query}} = Runestore.get_events(store, %{long => 1})
  [_] = Enum.take(Runestore.stream(store, nil, raw: true), 1)
  {:ok, 0} = Runestore.tracking(store, long)
  {:timeout, 1} = Runestore.wait(store, 1, 0)
  {:ok, %{head: 1}} = Runestore.info(store)
end

batch = for n <- 1..1000, do: event.(%{"n" => n, "text" => String.duplicate("x", 100)})

# 5,000 events appended, read at once and read as a stream; and stores that nobody closes.
batches = fn ->
  store = Runestore.open!()
  for _ <- 1..5, do: Runestore.append!(store, batch)
  5000 = length(Runestore.get_events!(store))
  5000 = Enum.count(Runestore.stream(store))
  for _ <- 1..20, do: Runestore.open!()
end

{rounds, work} =
  case mode do
    "batches" ->
      {max(div(calls, 5000), 10), batches}

    _ ->
      store = Runestore.open!()
      Runestore.append!(store, one)
      {div(calls, 10), fn -> ten.(store) end}
  end

many = fn rounds ->
  Task.await(Task.async(fn -> Enum.each(1..rounds, fn _ -> work.() end) end), :infinity)
end

# What is allocated once is by then.
many.(max(div(rounds, 4), 5))
before = resident_kib.()
many.(rounds)

# The control: one answer of each ten calls is kept.
store = Runestore.open!()

kept =
  if mode == "kept",
    do: for(n <- 1..rounds, do: Runestore.append!(store, [event.(long <> "#{n}")], raw: true)),
    else: []

IO.puts("grown #{resident_kib.() - before} KiB #{length(kept)}")
