defmodule Runestore.ServerTest do
  use ExUnit.Case, async: false
  import Support

  alias Runestore.{Error, Server, Subscription}

  # A store as somebody else might write one: its state changes.
  defmodule Listed do
    @behaviour Runestore.Behaviour

    @impl true
    def init_store(opts), do: if(opts[:fail], do: {:error, :no}, else: {:ok, []})

    @impl true
    def append(state, events), do: {:ok, List.wrap(events), state ++ List.wrap(events)}

    @impl true
    def get_events(state, nil, []), do: {:ok, state, state}
    def get_events(_, _, _), do: {:error, :too_hard}
  end

  # The fields of ex_sorcery's struct.
  defmodule SorceryEvent do
    @enforce_keys [:type, :data, :metadata]
    defstruct [:type, :data, :metadata, :sequence_number, :version, :inserted_at]
  end

  test "the behaviour's shape" do
    {:ok, state} = Runestore.Store.init_store([])

    given = %SorceryEvent{
      type: "Opened",
      data: %{owner: "Ada"},
      metadata: %{domain: "account", instance_id: "a-1"}
    }

    assert {:ok, [first], state} = Runestore.Store.append(state, given)
    assert {:ok, [_, _], state} = Runestore.Store.append(state, [given, given])
    assert {:ok, [_], state} = Runestore.Store.append(state, given, expected_version: 3)
    assert {:error, %Error{code: :conflict}} = Runestore.Store.append(state, given, expected_version: 3)
    assert {:ok, [^first | _] = events, state} = Runestore.Store.get_events(state, nil, [])
    assert length(events) == 4
    query = %{domain: "account", instance_id: "a-1", type: "Opened", from: first.inserted_at}
    assert {:ok, [^first], state} = Runestore.Store.get_events(state, query, limit: 1)
    assert {:error, %Error{code: :invalid_query}} = Runestore.Store.get_events(state, %{nothing: 1}, [])
    assert first.metadata == %{"domain" => "account", "instance_id" => "a-1"}
    assert %{type: "Opened", data: %{"owner" => "Ada"}, version: 1, sequence_number: 1} = first
    assert %DateTime{} = first.inserted_at
    assert {:error, %Error{code: :invalid_options}} = Runestore.Store.init_store(snyc: true)

    callbacks =
      Runestore.Behaviour.behaviour_info(:callbacks) --
        Runestore.Behaviour.behaviour_info(:optional_callbacks)

    assert Enum.sort(callbacks) == [append: 2, get_events: 3, init_store: 1]
  end

  test "under a supervisor, by its name" do
    start_supervised!({Server, name: Events, store_opts: []})
    assert {:ok, [%{sequence_number: 1}]} = Server.append(Events, event())
    assert {:error, %Error{code: :conflict}} = Server.append(Events, event(), expected_version: 0)
    assert {:ok, [%{type: "Opened"}]} = Server.get_events(Events, domain: "account")
    assert Runestore.head(Server.store(Events)) == {:ok, 1}
  end

  test "configured as an ex_sorcery store" do
    path = folder()
    Application.put_env(:sorcery, :event_store, store: Runestore.Store, store_opts: [path: path])
    on_exit(fn -> Application.delete_env(:sorcery, :event_store) end)
    start_supervised!({Server, name: Configured})
    assert {:ok, [_]} = Server.append(Configured, event())
    assert %{engine: "file"} = Runestore.info!(Server.store(Configured))
    # What is given goes before what is configured.
    start_supervised!({Server, name: Other, store_opts: [store: "memory"]})
    assert %{engine: "memory"} = Runestore.info!(Server.store(Other))
  end

  test "a store of another kind, whose state changes" do
    start_supervised!({Server, name: Lists, store: Listed})
    assert Server.append(Lists, :a) == {:ok, [:a]}
    assert Server.append(Lists, [:b, :c]) == {:ok, [:b, :c]}
    assert Server.get_events(Lists) == {:ok, [:a, :b, :c]}
    assert Server.get_events(Lists, type: "T") == {:error, :too_hard}
    assert {:error, %Error{code: :unsupported}} = Server.append(Lists, :d, expected_version: 0)
    assert Server.get_events(Lists) == {:ok, [:a, :b, :c]}
  end

  test "a store that cannot be opened is the reason why the server does not start" do
    Process.flag(:trap_exit, true)
    assert {:error, %Error{code: :invalid_options}} = Server.start_link(store_opts: [snyc: true])
    assert {:error, :no} = Server.start_link(store: Listed, store_opts: [fail: true])
  end

  test "a subscription across a restart: the subscriber goes on where it was" do
    path = folder()
    start_supervised!({Server, name: Restarted, store_opts: [path: path]})
    {:ok, subscription} = Server.subscribe(Restarted, batch: 4)
    {:ok, _} = Server.append(Restarted, for(n <- 1..6, do: event(data: n)))
    ref = subscription.ref
    assert_receive {:runestore, ^ref, {:events, events, 4}}, 2000
    assert Enum.map(events, & &1.data) == [1, 2, 3, 4]

    # The supervisor starts it again, which works only if the store was closed.
    old = Process.whereis(Restarted)
    GenServer.stop(old, :shutdown)
    assert_receive {:runestore, ^ref, {:error, %Error{code: :closed}}}, 2000
    eventually(fn -> Process.whereis(Restarted) not in [nil, old] end)

    {:ok, %{ref: ref} = subscription} = Server.subscribe(Restarted, after: 4)
    assert_receive {:runestore, ^ref, {:events, events, 6}}, 2000
    assert Enum.map(events, & &1.data) == [5, 6]
    Subscription.ack(subscription)
    {:ok, _} = Server.append(Restarted, event(data: 7))
    assert_receive {:runestore, ^ref, {:events, [%{data: 7}], 7}}, 2000
  end
end
