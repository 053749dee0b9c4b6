defmodule Runestore.Text do
  @moduledoc false
  # Elixir's values as the texts that the library takes, and its answers as Elixir's values.

  alias Runestore.{Error, Event, JSON}

  @doc "Options: a keyword list or a map, `nil` or empty for none. Keyword lists inside are objects."
  def options(opts), do: encode(opts, :invalid_options, "options")

  @doc "A query: a map or keyword list, a list of such, or `nil`. A list of none matches nothing."
  def query([]), do: {:ok, "[]"}
  def query(query), do: encode(query, :invalid_query, "query")

  defp encode(nil, _, _), do: {:ok, nil}
  defp encode([], _, _), do: {:ok, nil}

  defp encode(term, code, name) do
    {:ok, IO.iodata_to_binary(JSON.encode!(objects(term), [name]))}
  rescue
    unfit in JSON.Unfit -> {:error, %Error{code: code, message: Exception.message(unfit)}}
  end

  # The last of a key that stands twice would win without a word; a keyword list says which came first.
  defp objects([{key, _} | _] = list) when is_atom(key) do
    if Keyword.keyword?(list), do: list |> Enum.reverse() |> Map.new(&object/1), else: list
  end

  defp objects(list) when is_list(list), do: Enum.map(list, &objects/1)
  defp objects(%_{} = struct), do: struct
  defp objects(map) when is_map(map), do: Map.new(map, &object/1)
  defp objects(term), do: term

  defp object({key, value}), do: {key, objects(value)}

  def events(text), do: text |> JSON.decode!() |> Enum.map(&Event.from_map/1)

  def answer({:ok, text}), do: {:ok, text |> JSON.decode!() |> JSON.atom_keys()}
  def answer(other), do: error(other)

  def error({:error, status, text}), do: {:error, Error.from_native(status, text)}
  def error(other), do: other
end
