defmodule Runestore.Store do
  @moduledoc """
  Runestore behind the behaviour of ex_sorcery's event stores.

      config :sorcery, :event_store,
        store: Runestore.Store,
        store_opts: [path: "ledger.runes"]

  `store_opts` are the options of `Runestore.open/1`, those of a call the options of `Runestore.append/3` and
  `Runestore.get_events/3`. The state is a `Runestore` store; it does not change.

      iex> {:ok, state} = Runestore.Store.init_store([])
      iex> event = %{type: "Opened", data: %{}, metadata: %{domain: "account", instance_id: "a-1"}}
      iex> {:ok, [stored], state} = Runestore.Store.append(state, event)
      iex> {stored.domain, stored.metadata}
      {"account", %{"domain" => "account", "instance_id" => "a-1"}}
      iex> {:ok, [^stored], _} = Runestore.Store.get_events(state, %{type: "Opened"}, [])
      iex> {:error, error} = Runestore.Store.append(state, event, expected_version: 0)
      iex> error.code
      :conflict
  """

  @behaviour Runestore.Behaviour

  @impl true
  def init_store(opts \\ []), do: Runestore.open(opts)

  @impl true
  def append(state, events), do: append(state, events, [])

  @impl true
  def append(state, events, opts) do
    with {:ok, stored} <- Runestore.append(state, events, opts), do: {:ok, stored, state}
  end

  @impl true
  def get_events(state, query \\ nil, opts \\ []) do
    with {:ok, events} <- Runestore.get_events(state, query, opts), do: {:ok, events, state}
  end

  @impl true
  def shareable?, do: true

  @impl true
  def close_store(state), do: Runestore.close(state)
end
