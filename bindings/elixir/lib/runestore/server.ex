defmodule Runestore.Server do
  @moduledoc """
  A process that owns an event store, for a supervision tree.

      children = [{Runestore.Server, name: MyApp.Events, store_opts: [path: "ledger.runes"]}]

  What is not given comes from ex_sorcery's configuration, if there is one:

      config :sorcery, :event_store,
        store: Runestore.Store,
        store_opts: [path: "ledger.runes"]

  The store is opened when the process starts and closed when it ends, so that a restarted one can open it again.
  `:store` may be any module of `Runestore.Behaviour`. Calls on a `Runestore.Store` run in the caller, any number at
  once; those on a store whose state changes run in this process, one after the other.

  A handle that `store/1` gave out is closed when the server ends: calls on it are `:closed`. `append/3` and
  `get_events/3` ask the server each time, so they go on with the restarted one.
  """
  use GenServer

  alias Runestore.{Error, Subscription}

  @doc "Starts the process. Options: `:name`, `:store` (`Runestore.Store`), `:store_opts`."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(opts \\ []) do
    opts = Keyword.validate!(opts, [:name, :store, :store_opts])
    configured = Application.get_env(:sorcery, :event_store, [])
    store = opts[:store] || configured[:store] || Runestore.Store
    store_opts = opts[:store_opts] || configured[:store_opts] || []
    GenServer.start_link(__MODULE__, {store, store_opts}, Keyword.take(opts, [:name]))
  end

  @doc false
  def child_spec(opts), do: %{id: opts[:name] || __MODULE__, start: {__MODULE__, :start_link, [opts]}}

  @doc "As `Runestore.append/3`."
  @spec append(GenServer.server(), term, keyword) :: {:ok, [term]} | {:error, term}
  def append(server, events, opts \\ []) do
    # A store that knows no options has append/2 alone.
    run(server, :append, if(opts == [], do: [events], else: [events, opts]))
  end

  @doc "As `Runestore.get_events/3`."
  @spec get_events(GenServer.server(), term, keyword) :: {:ok, [term]} | {:error, term}
  def get_events(server, query \\ nil, opts \\ []), do: run(server, :get_events, [query, opts])

  @doc "As `Runestore.subscribe/2`, on a `Runestore.Store`."
  @spec subscribe(GenServer.server(), keyword) :: {:ok, Subscription.t()} | {:error, term}
  def subscribe(server, opts \\ []), do: server |> store() |> Runestore.subscribe(opts)

  @doc "The state of the store: of a `Runestore.Store` what the functions of `Runestore` take."
  @spec store(GenServer.server()) :: term
  def store(server), do: GenServer.call(server, :store, :infinity)

  defp run(server, function, args) do
    case GenServer.call(server, {:run, function, args}, :infinity) do
      {:here, store, state} -> store |> apply(function, [state | args]) |> without_state()
      answer -> answer
    end
  end

  defp without_state({:ok, value, _state}), do: {:ok, value}
  defp without_state(error), do: error

  @impl true
  def init({store, store_opts}) do
    # So that `terminate` closes the store when a supervisor ends this.
    Process.flag(:trap_exit, true)
    Code.ensure_loaded!(store)

    case store.init_store(store_opts) do
      {:ok, state} -> {:ok, %{store: store, state: state, shareable: answers?(store, :shareable?, [])}}
      {:error, reason} -> {:stop, reason}
    end
  end

  defp answers?(store, function, args) do
    function_exported?(store, function, length(args)) and apply(store, function, args)
  end

  @impl true
  def handle_call(:store, _from, %{state: state} = server), do: {:reply, state, server}

  def handle_call({:run, _, _}, _from, %{shareable: true} = server) do
    {:reply, {:here, server.store, server.state}, server}
  end

  def handle_call({:run, function, args}, _from, server) do
    case run_here(server, function, args) do
      {:ok, value, state} -> {:reply, {:ok, value}, %{server | state: state}}
      error -> {:reply, error, server}
    end
  end

  defp run_here(%{store: store, state: state}, function, args) do
    if function_exported?(store, function, length(args) + 1) do
      apply(store, function, [state | args])
    else
      message = "#{inspect(store)} has no #{function}/#{length(args) + 1}: it takes no options here"
      {:error, %Error{code: :unsupported, message: message}}
    end
  end

  @impl true
  def handle_info(_, server), do: {:noreply, server}

  @impl true
  def terminate(_reason, server), do: answers?(server.store, :close_store, [server.state])
end
