defmodule Runestore.VectorsTest do
  # Every case of tests/vectors, on the memory and on the file engine. tests/vectors/README.md says what they mean.
  #
  # Texts go in as they are, below the public functions: those could not express a broken one. What comes back is also
  # read as the package reads it.
  use ExUnit.Case, async: false

  alias Runestore.{Error, Event, JSON, Native}

  @folder System.get_env("RUNESTORE_VECTORS") || Path.expand("../../../tests/vectors", __DIR__)
  @files @folder |> Path.join("*.json") |> Path.wildcard() |> Enum.sort()
  @expected ~w(call note status answer position head details message_has)
  @inputs %{
    "append" => ~w(events options),
    "get_events" => ~w(query options),
    "cursor_open" => ~w(query options cursor),
    "cursor_next" => ~w(cursor max_events timeout_ms),
    "cursor_cancel" => ~w(cursor),
    "cursor_close" => ~w(cursor),
    "wait" => ~w(after timeout_ms),
    "tracking" => ~w(source),
    "info" => [],
    "status_name" => ~w(code)
  }

  test "there are vectors" do
    assert length(@files) >= 23
  end

  @tag timeout: 600_000
  test "all of them, on both engines" do
    totals =
      for engine <- [:memory, :file], path <- @files, reduce: %{} do
        totals -> Map.merge(totals, file(engine, path), fn _, a, b -> a + b end)
      end

    # How many there are is for each engine; so many were there when this was written.
    %{files: files, cases: cases, steps: steps, left_out: left_out, parsed: parsed} = totals

    IO.puts(
      "\nvectors: #{div(files, 2)} files, #{div(cases, 2)} cases, #{div(steps, 2)} steps, each on 2 engines; " <>
        "not applicable: #{div(left_out, 2)} steps (cursor_next on the NULL handle of a refused cursor)"
    )

    assert files >= 46 and cases >= 432 and steps >= 5120
    assert left_out * 100 < steps
    assert parsed >= 1000
  end

  defp file(engine, path) do
    file = path |> File.read!() |> JSON.decode!()
    assert Map.keys(file) -- ~w(title texts cases) == []
    texts = file["texts"] || %{}
    counts = %{files: 1, cases: length(file["cases"]), steps: 0, left_out: 0, parsed: 0}

    Enum.reduce(file["cases"], counts, fn one, counts ->
      assert Enum.sort(Map.keys(one)) == ["name", "steps"]
      run_case(engine, path, one, texts, counts)
    end)
  end

  defp run_case(engine, path, one, texts, counts) do
    {store, clean} = fresh(engine)
    begin = %{store: store, texts: texts, cursors: %{}, counts: counts}

    state =
      one["steps"]
      |> Enum.with_index()
      |> Enum.reduce(begin, fn {step, index}, state ->
        where = "#{Path.basename(path)}, #{engine}, #{inspect(one["name"])}, step #{index} (#{step["call"]})"
        assert Map.keys(step) -- (@expected ++ Map.fetch!(@inputs, step["call"])) == [], where
        step(step, state, where)
      end)

    for {_, cursor} when cursor != nil <- state.cursors, do: Native.cursor_close(cursor)
    assert Native.close(store) == :ok
    clean.()
    state.counts
  end

  defp fresh(:memory) do
    {:ok, store} = Native.open(nil)
    {store, fn -> :ok end}
  end

  defp fresh(:file) do
    path =
      Path.join(System.tmp_dir!(), "runestore-vectors-#{System.pid()}-#{System.unique_integer([:positive])}")

    config = JSON.encode!(%{store: "file", store_opts: %{path: path, sync: "never"}})
    {:ok, store} = Native.open(IO.iodata_to_binary(config))
    {store, fn -> File.rm_rf!(path) end}
  end

  # ---- a step ----

  defp step(step, state, where) do
    state = update_in(state.counts.steps, &(&1 + 1))

    case call(step["call"], step, state) do
      :left_out -> update_in(state.counts.left_out, &(&1 + 1))
      {outcome, state} -> check(step, outcome(outcome), state, where)
    end
  end

  defp call("append", step, state) do
    {Native.append(state.store, text(step, "events", state), text(step, "options", state)), state}
  end

  defp call("get_events", step, state) do
    {Native.get_events(state.store, text(step, "query", state), text(step, "options", state)), state}
  end

  defp call("cursor_open", step, state) do
    case Native.cursor_open(state.store, text(step, "query", state), text(step, "options", state)) do
      {:ok, cursor} -> {:ok, put_in(state.cursors[step["cursor"]], cursor)}
      error -> {error, put_in(state.cursors[step["cursor"]], nil)}
    end
  end

  defp call("cursor_" <> what, step, state) do
    case {what, Map.fetch!(state.cursors, step["cursor"])} do
      {_, nil} -> :left_out
      {"next", cursor} -> {Native.cursor_next(cursor, step["max_events"], step["timeout_ms"]), state}
      {"cancel", cursor} -> {Native.cursor_cancel(cursor), state}
      {"close", cursor} -> {Native.cursor_close(cursor), state}
    end
  end

  defp call("wait", step, state),
    do: {number(:head, Native.wait(state.store, step["after"], step["timeout_ms"])), state}

  defp call("tracking", step, state),
    do: {number(:position, Native.tracking(state.store, text(step, "source", state))), state}

  defp call("info", _, state), do: {Native.info(state.store), state}
  defp call("status_name", step, state), do: {{:ok, Native.status_name(step["code"])}, state}

  defp number(name, {status, number}) when is_integer(number), do: {status, %{name => number}}
  defp number(_, error), do: error

  defp outcome(:ok), do: %{status: "ok"}
  defp outcome({:ok, answer}) when is_binary(answer), do: %{status: "ok", answer: answer}
  defp outcome({:ok, answer, position}), do: %{status: "ok", answer: answer, position: position}
  defp outcome({status, numbers}) when is_map(numbers), do: Map.put(numbers, :status, Atom.to_string(status))

  defp outcome({status, position}) when is_integer(position),
    do: %{status: Atom.to_string(status), position: position}

  defp outcome({:error, status, answer}) do
    %{status: Atom.to_string(Map.fetch!(Error.codes(), status)), answer: answer, error: true}
  end

  defp text(step, member, state) do
    case step do
      %{^member => value} -> IO.iodata_to_binary(parts(value, state.texts))
      _ -> nil
    end
  end

  defp parts(text, _) when is_binary(text), do: text
  defp parts(list, texts) when is_list(list), do: Enum.map(list, &parts(&1, texts))
  defp parts(%{"repeat" => text, "times" => times}, _), do: String.duplicate(text, times)
  defp parts(%{"hex" => digits}, _), do: Base.decode16!(digits, case: :lower)
  defp parts(%{"use" => name}, texts), do: parts(Map.fetch!(texts, name), nil)

  # ---- what is checked ----

  defp check(step, outcome, state, where) do
    answer = Map.get(outcome, :answer)
    assert step["status"] == outcome.status, "#{where}: #{outcome.status} #{short(answer)}"

    if Map.has_key?(step, "answer") do
      expected = text(step, "answer", state)
      assert same?(expected, answer), "#{where}: expected #{short(expected)}, there is #{short(answer)}"
    end

    if range = step["position"] do
      [low, high] = if is_list(range), do: range, else: [range, range]
      # A buffer that tells an error comes without a position.
      unless outcome[:error],
        do: assert(outcome.position in low..high, "#{where}: position #{outcome.position}")
    end

    if head = step["head"], do: assert(outcome.head == head, "#{where}: head #{outcome.head}")
    members(step, outcome, answer, where)
    if parses?(step, outcome, answer, where), do: update_in(state.counts.parsed, &(&1 + 1)), else: state
  end

  defp members(step, outcome, answer, where) do
    if outcome[:error] && answer != "" do
      members = JSON.decode!(answer)

      assert members["code"] == outcome.status and is_binary(members["message"]) and members["message"] != "",
             where

      for part <- step["message_has"] || [],
          do: assert(members["message"] =~ part, "#{where}: #{short(answer)}")

      error = Error.from_native(-7, answer)
      assert error.message == members["message"] and map_size(error.details) == map_size(members) - 2
    end

    for {name, value} <- step["details"] || %{} do
      members = JSON.decode!(answer)
      assert Map.get(members, name, :missing) == value, "#{where}: #{name} in #{short(answer)}"
    end
  end

  # Whether the answer is events, which the package must be able to read, each as it is in the text.
  defp parses?(step, %{status: "ok"}, "[" <> _ = answer, where) when byte_size(answer) < 1_000_000 do
    events = Runestore.Text.events(answer)

    for {%Event{} = event, map} <- Enum.zip(events, JSON.decode!(answer)) do
      assert DateTime.to_iso8601(event.inserted_at) == map["inserted_at"], where

      assert {event.id, event.sequence_number, event.tags} ==
               {map["id"], map["sequence_number"], map["tags"]},
             where
    end

    step["call"] in ["append", "get_events", "cursor_next"]
  end

  defp parses?(_, _, _, _), do: false

  defp short(nil), do: "nothing"
  defp short(text), do: inspect(binary_part(text, 0, min(byte_size(text), 600)))

  # ---- wildcards ----

  @uuid7 ~r/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

  defp same?(expected, expected), do: true
  defp same?(_, nil), do: false

  defp same?(expected, answer) do
    # Literals and wildcards take turns.
    case String.split(expected, ["«", "»"]) do
      [_] ->
        false

      [literal | parts] ->
        case strip(answer, literal) do
          nil -> false
          rest -> match(parts, rest, %{})
        end
    end
  end

  defp match([], "", found), do: sound?(found)
  defp match([], _, _), do: false

  defp match([name, literal | parts], rest, found) do
    case stands_for(name, literal, parts, rest) do
      {value, rest} ->
        case strip(rest, literal) do
          nil -> false
          rest -> match(parts, rest, Map.update(found, name, [value], &[value | &1]))
        end

      nil ->
        false
    end
  end

  defp stands_for("uuid7", _, _, <<value::binary-size(36), rest::binary>>), do: {value, rest}
  defp stands_for("now", _, _, <<value::binary-size(27), rest::binary>>), do: {value, rest}
  # To the end, or to the first place of the text behind it.
  defp stands_for("any", "", [], rest), do: {rest, ""}

  defp stands_for("any", literal, _, rest) do
    case :binary.match(rest, literal) do
      {at, _} -> {binary_part(rest, 0, at), binary_part(rest, at, byte_size(rest) - at)}
      :nomatch -> nil
    end
  end

  defp stands_for(_, _, _, _), do: nil

  defp strip(text, literal) do
    size = byte_size(literal)

    if match?(<<^literal::binary-size(size), _::binary>>, text),
      do: binary_part(text, size, byte_size(text) - size)
  end

  defp sound?(found) do
    ids = Map.get(found, "uuid7", [])
    times = found |> Map.get("now", []) |> Enum.uniq()

    Enum.all?(ids, &(&1 =~ @uuid7)) and ids == Enum.uniq(ids) and
      case times do
        [] -> true
        [time] -> recent?(time)
        _ -> false
      end
  end

  defp recent?(time) do
    case DateTime.from_iso8601(time) do
      {:ok, time, 0} -> abs(DateTime.diff(time, DateTime.utc_now())) < 300
      _ -> false
    end
  end

  test "the runner sees a wrong answer" do
    id = "0190a000-0000-7000-8000-000000000001"
    now = DateTime.to_iso8601(%{DateTime.utc_now() | microsecond: {1, 6}})
    assert same?("a«any»b", "axxb")
    assert same?("«uuid7»", id)
    assert same?("[«now»,«now»]", "[#{now},#{now}]")
    refute same?("[]", "[ ]")
    refute same?("«uuid7»", "0190a000-0000-4000-8000-000000000001")
    refute same?("«uuid7» «uuid7»", "#{id} #{id}")
    refute same?("«now»", "2001-01-01T00:00:00.000000Z")
    refute same?("[«now»,«now»]", "[#{now},2001-01-01T00:00:00.000000Z]")
    refute same?("a«any»b", "a b c")
    refute same?("a", nil)
  end
end
