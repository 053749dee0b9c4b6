defmodule RunestoreTest do
  use ExUnit.Case, async: true
  import Support

  alias Runestore.{Error, Event, Native}

  doctest Runestore
  doctest Runestore.Event
  doctest Runestore.Error
  doctest Runestore.Store

  setup do
    %{store: Runestore.open!()}
  end

  defp code({:error, %Error{code: code, message: message}}) when is_binary(message) and message != "",
    do: code

  describe "append" do
    test "one event, and several as one batch", %{store: store} do
      assert {:ok, [%Event{sequence_number: 1, stream_version: 1} = event]} = Runestore.append(store, event())
      assert event.version == 1 and event.tags == [] and event.data == %{} and event.metadata == %{}
      assert event.id =~ ~r/^[0-9a-f]{8}-[0-9a-f]{4}-7/

      assert {:ok, [%{sequence_number: 2, stream_version: 2}, %{sequence_number: 3, stream_version: 1}]} =
               Runestore.append(store, [event(), event(instance_id: "a-2")])

      assert Runestore.head(store) == {:ok, 3}
      assert {:ok, []} = Runestore.append(store, [])
    end

    test "options and their answers", %{store: store} do
      assert Runestore.append!(store, event(), expected_version: 0, return: :summary).last == 1
      assert code(Runestore.append(store, event(), expected_version: 0)) == :conflict
      assert {:ok, [_]} = Runestore.append(store, event(), %{"expected_version" => "exists"})

      expect = [[domain: "account", instance_id: "a-1", version: 2]]
      assert {:ok, [_]} = Runestore.append(store, event(instance_id: "a-2"), expect: expect)
      tracking = [tracking: [source: "mailer", position: 3]]
      assert {:ok, _} = Runestore.append(store, [], tracking)
      assert Runestore.tracking(store, "mailer") == {:ok, 3}
      assert Runestore.tracking!(store, "nobody") == 0
      {:error, error} = Runestore.append(store, [], tracking)
      assert %{reason: "tracking", source: "mailer", actual: 3} = error.details
    end

    test "an append with ids may be sent twice", %{store: store} do
      event = event(id: "0190A000-0000-7000-8000-000000000001")
      assert Runestore.append(store, event) == Runestore.append(store, event)
      assert Runestore.head!(store) == 1
      assert code(Runestore.append(store, %{event | type: "Closed"})) == :duplicate_id
    end

    test "a text goes in as it is, and the answer comes as it is", %{store: store} do
      text = ~S([{"type":"T","domain":"d","instance_id":"i","data":{"b":1.50,"a":"\u00e4"}}])
      assert {:ok, answer} = Runestore.append(store, {:json, text}, raw: true)
      assert answer =~ ~S("data":{"b":1.50,"a":"\u00e4"},"metadata":{}}])
      assert Runestore.get_events(store, nil, raw: true) == {:ok, answer}
      assert Enum.to_list(Runestore.stream(store, nil, raw: true)) == [String.slice(answer, 1..-2//1)]
      assert [%{data: %{"a" => "ä", "b" => 1.5}}] = Runestore.get_events!(store)
    end

    test "a stored event goes into another store with its id and its time", %{store: store} do
      [stored] = Runestore.append!(store, [event(tags: ["b", "a"], data: nil)])
      other = Runestore.open!()
      Runestore.append!(other, event(domain: "other"))
      [again] = Runestore.append!(other, stored)
      assert again == %{stored | sequence_number: 2}
      assert again.data == nil
    end
  end

  describe "values" do
    test "data of every kind comes back as it went in, with strings as keys", %{store: store} do
      for data <- [
            nil,
            true,
            "text",
            [],
            %{},
            [1, nil],
            0.1,
            9_007_199_254_740_993,
            -123_456_789_012_345_678_901_234_567_890,
            %{"ä\n\"" => [%{"x" => 1.0e-7}]}
          ] do
        [stored] = Runestore.append!(store, event(data: data, metadata: %{"data" => data}))
        assert stored.data === data
        assert stored.metadata["data"] === data
        assert [read] = Runestore.get_events!(store, id: stored.id)
        assert read === stored
      end

      assert [%{data: %{"a" => %{"b" => "c"}}}] = Runestore.append!(store, event(data: %{a: %{b: :c}}))
    end

    test "times in and out, to the microsecond", %{store: store} do
      time = ~U[2026-11-23 03:50:00.123456Z]
      [stored] = Runestore.append!(store, event(inserted_at: time))
      assert stored.inserted_at == time
      [whole] = Runestore.append!(store, event(inserted_at: ~U[2026-11-23 03:50:01Z]))
      assert whole.inserted_at == ~U[2026-11-23 03:50:01.000000Z]
      [text] = Runestore.append!(store, event(inserted_at: "2026-11-23T05:50:02.5+02:00"))
      assert text.inserted_at == ~U[2026-11-23 03:50:02.500000Z]
      assert [^stored] = Runestore.get_events!(store, from: time, to: DateTime.add(time, 1, :microsecond))
      assert [] = Runestore.get_events!(store, to: time)
      [new] = Runestore.append!(store, event())
      assert abs(DateTime.diff(new.inserted_at, DateTime.utc_now())) < 60
    end

    test "bytes", %{store: store} do
      bytes = <<0, 255, 1, 128>>
      [stored] = Runestore.append!(store, event(data: {:binary, bytes}))
      assert stored.data == {:binary, bytes}
      assert Runestore.get_events!(store) == [stored]
      assert [%{data: {:binary, "abc"}}] = Runestore.append!(store, event(data_base64: "YWJj"))
      other = Runestore.open!()
      assert [%{data: {:binary, ^bytes}}] = Runestore.append!(other, stored)
    end

    test "events with strings as keys, and structs", %{store: store} do
      assert [_] =
               Runestore.append!(store, %{"type" => "T", "domain" => "d", "instance_id" => "i", "data" => 1})

      given = %Event{type: "T", domain: "d", instance_id: "i", version: 3, tags: ["x"]}
      assert [%{version: 3, tags: ["x"], stream_version: 2}] = Runestore.append!(store, given)
    end
  end

  describe "reading" do
    setup %{store: store} do
      Runestore.append!(store, for(n <- 1..250, do: event(type: "T#{rem(n, 2)}", data: n)))
      :ok
    end

    test "queries and options", %{store: store} do
      assert length(Runestore.get_events!(store)) == 250
      assert length(Runestore.get_events!(store, type: "T1")) == 125
      assert Runestore.get_events!(store, []) == []
      assert length(Runestore.get_events!(store, [%{type: "T1"}, [after: 240, up_to: 242]])) == 126
      assert [%{data: 250}, %{data: 249}] = Runestore.get_events!(store, nil, limit: 2, direction: :backward)
      assert [%{data: 11}] = Runestore.get_events!(store, %{"after" => 5}, offset: 5, limit: 1)
      lines = Runestore.get_events!(store, [up_to: 3], format: :ndjson)
      assert lines == Runestore.get_events!(store, up_to: 3)
    end

    test "pages", %{store: store} do
      page = Runestore.get_events!(store, nil, pagination: true, limit: 100, offset: 200)
      assert length(page.events) == 50 and hd(page.events).data == 201

      assert %{total_count: 250, total_pages: 3, page_number: 3, has_next: false, has_prev: true} =
               page.pagination
    end

    test "a stream, in pieces", %{store: store} do
      events = Runestore.get_events!(store)
      assert Enum.to_list(Runestore.stream(store, nil, max_bytes: 1000)) == events
      assert Enum.to_list(Runestore.stream(store, nil, direction: :backward)) == Enum.reverse(events)
      assert store |> Runestore.stream(type: "T0") |> Enum.take(2) |> Enum.map(& &1.data) == [2, 4]
    end

    test "a stream reads the moment in which it begins, each time", %{store: store} do
      stream = Runestore.stream(store)
      assert Enum.count(stream) == 250
      Runestore.append!(store, event())
      assert Enum.count(stream) == 251
    end

    test "a stream that is halted closes its cursor", %{store: store} do
      for _ <- 1..10_000, do: Enum.take(Runestore.stream(store), 1)
      assert catch_throw(Enum.each(Runestore.stream(store), fn _ -> throw(:out) end)) == :out
      assert Enum.count(Runestore.stream(store)) == 250
    end

    test "a stream that is read keeps its store, which nobody else refers to" do
      stream =
        Runestore.stream(
          (fn ->
             store = Runestore.open!()
             Runestore.append!(store, for(n <- 1..500, do: event(data: n)))
             store
           end).(),
          nil,
          max_bytes: 1000
        )

      collected = Enum.map(stream, fn event -> :erlang.garbage_collect() && event.data end)
      assert collected == Enum.to_list(1..500)
    end

    test "a cursor alone keeps its store" do
      cursor =
        (fn ->
           {:ok, store} = Native.open(nil)
           {:ok, _} = Native.append(store, ~S({"type":"T","domain":"d","instance_id":"i"}), nil)
           {:ok, cursor} = Native.cursor_open(store, nil, nil)
           cursor
         end).()

      :erlang.garbage_collect()
      Process.sleep(50)
      assert {:ok, "[" <> _, 1} = Native.cursor_next(cursor, 0, 0)
    end

    test "a stream's errors are raised", %{store: store} do
      assert %Error{code: :invalid_query} =
               assert_raise(Error, fn -> Enum.to_list(Runestore.stream(store, tpye: "T")) end)

      assert_raise ArgumentError, fn -> Runestore.stream(store, nil, follow: true) end
      stream = Runestore.stream(store, nil, max_bytes: 1000)

      error =
        assert_raise Error, fn ->
          Enum.each(stream, fn event -> if event.data == 1, do: Runestore.close(store) end)
        end

      assert error.code == :closed
    end
  end

  describe "errors" do
    test "each that a memory store can make", %{store: store} do
      assert code(Runestore.append(store, {:json, "[nul]"})) == :invalid_json
      assert code(Runestore.append(store, event(data: <<255>>))) == :invalid_json
      assert code(Runestore.append(store, event(data: 10 ** 400))) == :invalid_json
      assert code(Runestore.append(store, event(tpye: "x"))) == :invalid_event
      assert code(Runestore.append(store, event(sequence_number: 5))) == :invalid_event
      assert code(Runestore.get_events(store, tpye: "x")) == :invalid_query
      assert code(Runestore.get_events(store, nil, limit: -1)) == :invalid_options
      assert code(Runestore.append(store, event(), expected_version: 7)) == :conflict
      id = "0190a000-0000-7000-8000-000000000001"
      assert code(Runestore.append(store, [event(id: id), event(id: id)])) == :duplicate_id
      assert code(Runestore.append(store, event(data: String.duplicate("x", 17_000_000)))) == :too_large
      assert code(Runestore.verify(store)) == :unsupported
      assert code(Runestore.backup(store, folder())) == :unsupported
      assert code(Runestore.tracking(store, "")) == :invalid_options
      assert Runestore.head!(store) == 0
    end

    test "each that opening can make" do
      path = folder()
      assert code(Runestore.open(path: path, create: false)) == :not_found
      assert code(Runestore.open(path: path, snyc: 1)) == :invalid_options
      assert code(Runestore.open(store: "flie")) == :invalid_options
      assert code(Runestore.open(sync: :never)) == :invalid_options
      assert code(Runestore.open("/proc/no/such")) in [:io, :not_found]
      writer = Runestore.open!(path)
      assert {:error, %Error{code: :locked, details: %{path: locked}}} = Runestore.open(path)
      assert is_binary(locked)
      reader = Runestore.open!(path: path, read_only: true)
      assert code(Runestore.append(reader, event())) == :read_only
      Runestore.append!(writer, event())
      assert Runestore.close(writer) == :ok
      log = path |> File.ls!() |> Enum.map(&Path.join(path, &1)) |> Enum.max_by(&File.stat!(&1).size)
      Runestore.close!(reader)
      size = File.stat!(log).size
      File.write!(log, :binary.copy(<<0xA5>>, size))
      assert code(Runestore.open(path)) == :corrupt
    end

    test "what has no form in JSON is refused before the store is asked", %{store: store} do
      {:error, error} = Runestore.append(store, [event(), event(data: %{price: {1, 2}})])
      assert error.code == :invalid_event
      assert error.message =~ "events[1].data.price: a tuple has no form in JSON"
      assert error.details == %{index: 1, field: "data"}
      assert code(Runestore.append(store, :event)) == :invalid_event
      assert code(Runestore.append(store, [event(), "no"])) == :invalid_event
      assert code(Runestore.append(store, event(), expected_version: {1})) == :invalid_options
      assert code(Runestore.get_events(store, type: self())) == :invalid_query
      assert Runestore.head!(store) == 0
    end

    test "the functions with a bang raise", %{store: store} do
      error =
        assert_raise Error, ~r/did you mean `type`/, fn -> Runestore.append!(store, event(tpye: "x")) end

      assert %{code: :invalid_event, details: %{index: 0, field: "tpye"}} = error
      assert Runestore.wait!(store, 0, 0) == :timeout
    end

    test "the codes are those of the library, number by number" do
      for {number, code} <- Error.codes() do
        assert Runestore.Native.status_name(number) == Atom.to_string(code)
      end

      assert map_size(Error.codes()) == 21
    end
  end

  describe "closing" do
    test "every call on a closed store says so", %{store: store} do
      [_] = Runestore.append!(store, event())
      stream = Runestore.stream(store)
      assert Runestore.close(store) == :ok
      assert Runestore.close(store) == :ok

      for answer <- [
            Runestore.append(store, event()),
            Runestore.get_events(store),
            Runestore.head(store),
            Runestore.wait(store, 0),
            Runestore.wait(store, 5, 1000),
            Runestore.tracking(store, "x"),
            Runestore.info(store),
            Runestore.verify(store),
            Runestore.backup(store, folder()),
            Runestore.copy(store, Runestore.open!()),
            Runestore.copy(Runestore.open!(), store),
            Runestore.interrupt(store),
            Runestore.subscribe(store)
          ] do
        assert code(answer) == :closed
      end

      assert_raise Error, fn -> Enum.to_list(stream) end
    end

    test "what nobody refers to any more is closed: the file store can be written again" do
      path = folder()

      {pid, monitor} =
        spawn_monitor(fn ->
          store = Runestore.open!(path)
          Runestore.append!(store, event())
          {:error, %Error{code: :locked}} = Runestore.open(path)
          # Until here it is referred to, so that it was not collected before.
          {:ok, 1} = Runestore.head(store)
        end)

      assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 5000

      store =
        eventually(fn ->
          case Runestore.open(path) do
            {:ok, store} -> store
            {:error, %Error{code: :locked}} -> nil
          end
        end)

      assert Runestore.head!(store) == 1
    end

    test "hundreds of forgotten stores, open and closed, with cursors, are collected while others work", %{
      store: store
    } do
      worker = Task.async(fn -> for _ <- 1..2000, do: Runestore.append!(store, event()) end)

      1..4
      |> Enum.map(fn _ ->
        Task.async(fn ->
          for n <- 1..200 do
            forgotten = Runestore.open!()
            Runestore.append!(forgotten, [event(), event()])
            {:ok, _} = Native.cursor_open(forgotten.ref, nil, nil)
            if rem(n, 3) == 0, do: Runestore.close!(forgotten)
            if rem(n, 10) == 0, do: :erlang.garbage_collect()
          end
        end)
      end)
      |> Task.await_many(60_000)

      Task.await(worker, 60_000)
      :erlang.garbage_collect(Process.whereis(Runestore.Closer))
      assert Runestore.head!(store) == 2000

      eventually(fn ->
        Process.info(Process.whereis(Runestore.Closer), :message_queue_len) == {:message_queue_len, 0}
      end)
    end

    test "a process killed in the middle of its calls leaves a store that works", %{store: store} do
      for _ <- 1..20 do
        pid =
          spawn(fn ->
            for _ <- Stream.cycle([1]), do: Runestore.append!(store, for(_ <- 1..100, do: event()))
          end)

        Process.sleep(3)
        Process.exit(pid, :kill)
      end

      head = eventually(fn -> stable(store) end)
      assert rem(head, 100) == 0 and length(Runestore.get_events!(store)) == head
    end

    # A call that has begun finishes, whoever asked for it.
    defp stable(store) do
      head = Runestore.head!(store)
      Process.sleep(50)
      if Runestore.head!(store) == head, do: head
    end
  end

  describe "files" do
    test "info, verify, backup" do
      path = folder()
      store = Runestore.open!(path: path, sync: [interval_ms: 50])
      Runestore.append!(store, for(_ <- 1..10, do: event()))
      assert %{engine: "file", head: 10, events: 10, read_only: false} = Runestore.info!(store)
      assert %{ok: true, events: 10, problems: []} = Runestore.verify!(store)
      copy = folder()
      assert %{events: 10, head: 10} = Runestore.backup!(store, copy)
      assert Runestore.get_events!(Runestore.open!(copy)) == Runestore.get_events!(store)
      assert code(Runestore.backup(store, copy)) == :invalid_options
    end

    test "a copy into a store of another engine" do
      store = Runestore.open!()

      Runestore.append!(store, for(n <- 1..10, do: event(data: n)), tracking: %{source: "reader", position: 7})

      path = folder()
      target = Runestore.open!(path)
      assert Runestore.copy!(store, target) == %{copied: 10, events: 10, head: 10}
      assert Runestore.get_events!(target) == Runestore.get_events!(store)
      assert Runestore.tracking!(target, "reader") == 7
      Runestore.append!(store, event())
      assert Runestore.copy!(store, target) == %{copied: 1, events: 11, head: 11}
      Runestore.close!(target)
      Runestore.append!(store, event())
      assert code(Runestore.copy(store, Runestore.open!(path: path, read_only: true))) == :read_only
      other = Runestore.open!()
      Runestore.append!(other, event())
      assert {:error, %{code: :conflict, details: %{reason: "copy"}}} = Runestore.copy(store, other)
      assert code(Runestore.copy(store, store)) == :misuse
    end

    test "damage is a problem of the answer" do
      path = folder()
      store = Runestore.open!(path)
      Runestore.append!(store, for(n <- 1..100, do: event(data: n)))
      log = path |> File.ls!() |> Enum.map(&Path.join(path, &1)) |> Enum.max_by(&File.stat!(&1).size)
      {:ok, file} = :file.open(log, [:read, :write, :raw, :binary])
      {:ok, at} = :file.position(file, div(20_000, 2))
      :ok = :file.pwrite(file, at, <<0xA5, 0x5A, 0xA5>>)
      :ok = :file.close(file)
      assert %{ok: false, problems: [%{file: _, offset: _, message: _} | _]} = Runestore.verify!(store)
    end

    test "another operating system process writes, and this one reads and follows" do
      path = folder()

      script = """
      store = Runestore.open!(#{inspect(path)})
      for n <- 1..50 do
        Runestore.append!(store, %{type: "T", domain: "d", instance_id: "i", data: n})
      end
      IO.puts("written")
      IO.read(:line)
      """

      script = "{:ok, _} = Application.ensure_all_started(:runestore)\n" <> script
      args = ["-pa", Path.join(Mix.Project.app_path(), "ebin"), "-e", script]
      elixir = System.find_executable("elixir")
      port = Port.open({:spawn_executable, elixir}, [:binary, :exit_status, args: args])
      assert_receive {^port, {:data, "written" <> _}}, 30_000

      reader = Runestore.open!(path: path, read_only: true)
      assert code(Runestore.open(path)) == :locked
      assert Runestore.get_events!(reader) |> Enum.map(& &1.data) == Enum.to_list(1..50)
      Port.command(port, "\n")
      assert_receive {^port, {:exit_status, 0}}, 30_000
      writer = Runestore.open!(path)
      waiting = Task.async(fn -> Runestore.wait(reader, 50, 10_000) end)
      Runestore.append!(writer, event())
      assert Task.await(waiting, 15_000) == {:ok, 51}
    end
  end

  describe "processes" do
    test "many on one store", %{store: store} do
      1..8
      |> Enum.map(fn n ->
        Task.async(fn -> for _ <- 1..200, do: Runestore.append!(store, event(instance_id: "p-#{n}")) end)
      end)
      |> Task.await_many(60_000)

      events = Runestore.get_events!(store)
      assert Enum.map(events, & &1.sequence_number) == Enum.to_list(1..1600)

      for n <- 1..8 do
        versions = for %{instance_id: "p-" <> id} = event <- events, id == "#{n}", do: event.stream_version
        assert versions == Enum.to_list(1..200)
      end
    end

    test "an expected version is won by one", %{store: store} do
      won =
        1..8
        |> Enum.map(fn _ -> Task.async(fn -> Runestore.append(store, event(), expected_version: 0) end) end)
        |> Task.await_many()
        |> Enum.count(&match?({:ok, _}, &1))

      assert won == 1
    end
  end

  test "the version" do
    assert Runestore.version() =~ ~r/^\d+\.\d+\.\d+/
    assert Runestore.version() == to_string(Application.spec(:runestore, :vsn))
  end

  test "a store is shown by its reference", %{store: store} do
    assert inspect(store) =~ ~r/^#Runestore<#Ref<[\d.]+>>$/
  end
end
