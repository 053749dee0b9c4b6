defmodule Runestore.Behaviour do
  @moduledoc """
  What an event store does, in the shape of ex_sorcery's `Sorcery.EventStore.Behaviour`.

  It is repeated here so that the package needs no other. A module for the one is a module for the other; `append/3`
  and `shareable?/0` are more than that one asks for, and optional.
  """

  @type state :: term
  @type events :: term | [term]
  @type query :: map | keyword | [map | keyword] | nil

  @callback init_store(opts :: keyword) :: {:ok, state} | {:error, term}
  @callback append(state, events) :: {:ok, [term], state} | {:error, term}
  @callback append(state, events, opts :: keyword) :: {:ok, [term], state} | {:error, term}
  @callback get_events(state, query, opts :: keyword) :: {:ok, [term], state} | {:error, term}
  @doc "Whether the state never changes, so that many processes may use it at once."
  @callback shareable?() :: boolean
  @doc "Ends a state when its owner ends."
  @callback close_store(state) :: term

  @optional_callbacks append: 3, shareable?: 0, close_store: 1
end
