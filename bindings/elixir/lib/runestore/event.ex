defmodule Runestore.Event do
  @moduledoc """
  An event: what happened, in which stream, and where it stands.

  `domain` and `instance_id` name its stream. An append gives `sequence_number`, `stream_version`, and an `id` and
  `inserted_at` where there is none. `data` and `metadata` come back with strings as keys. Bytes that are no text are
  `data: {:binary, bytes}`, in and out.

  Anything with these keys can be appended: a map with atoms or strings, or a struct, such as `%Sorcery.Event{}`, whose
  `domain` and `instance_id` are in its metadata. In a map any other key is an error; of a struct only these are taken.

      iex> store = Runestore.open!()
      iex> event = %Runestore.Event{type: "Opened", domain: "account", instance_id: "a-1", data: %{owner: "Ada"}}
      iex> [stored] = Runestore.append!(store, event)
      iex> {stored.sequence_number, stored.stream_version, stored.data}
      {1, 1, %{"owner" => "Ada"}}
  """

  alias Runestore.{Error, JSON}

  @type t :: %__MODULE__{
          id: String.t() | nil,
          type: String.t(),
          domain: String.t() | nil,
          instance_id: String.t() | nil,
          data: term | {:binary, binary},
          metadata: map,
          version: pos_integer | nil,
          inserted_at: DateTime.t() | nil,
          tags: [String.t()],
          sequence_number: pos_integer | nil,
          stream_version: pos_integer | nil
        }

  defstruct [
    :id,
    :type,
    :domain,
    :instance_id,
    :version,
    :inserted_at,
    :sequence_number,
    :stream_version,
    data: %{},
    metadata: %{},
    tags: []
  ]

  @given ~w(id type domain instance_id version inserted_at tags data metadata)a

  @doc false
  # One event or a list of them, as JSON. A text that is JSON already goes in as it is.
  def encode({:json, text}) when is_binary(text), do: {:ok, text}

  def encode(events) do
    {:ok, IO.iodata_to_binary(encode_all(events))}
  rescue
    unfit in JSON.Unfit -> {:error, refused(unfit)}
  end

  defp encode_all(events) when is_list(events) do
    texts = events |> Enum.with_index() |> Enum.map(fn {event, index} -> encode_one(event, index) end)
    [?[, Enum.intersperse(texts, ?,), ?]]
  end

  defp encode_all(event), do: encode_one(event, 0)

  defp encode_one(%_{} = struct, index) do
    # What is stored elsewhere has numbers already; here it gets others.
    given = struct |> Map.from_struct() |> Map.take(@given) |> Enum.reject(&absent?/1)
    JSON.encode!(Map.new(given, &field/1), [index, "events"])
  end

  defp encode_one(event, index) when is_map(event) do
    JSON.encode!(Map.new(event, &field/1), [index, "events"])
  end

  defp encode_one(other, index) do
    why = "an event is a map or a struct, not #{inspect(other, limit: 5)}"
    raise JSON.Unfit, term: other, path: [index, "events"], why: why
  end

  # As `data` nil is a value.
  defp absent?({:data, _}), do: false
  defp absent?({_, value}), do: is_nil(value)

  defp field({key, {:binary, bytes}}) when key in [:data, "data"] and is_binary(bytes) do
    {"data_base64", Base.encode64(bytes)}
  end

  defp field(pair), do: pair

  defp refused(%JSON.Unfit{path: path} = unfit) do
    details =
      case Enum.reverse(path) do
        ["events", index, field | _] -> %{index: index, field: field}
        ["events", index] -> %{index: index}
      end

    %Error{code: :invalid_event, message: Exception.message(unfit), details: details}
  end

  @doc false
  def from_map(map) do
    %__MODULE__{
      id: map["id"],
      type: map["type"],
      domain: map["domain"],
      instance_id: map["instance_id"],
      version: map["version"],
      inserted_at: time(map["inserted_at"]),
      sequence_number: map["sequence_number"],
      stream_version: map["stream_version"],
      data: data(map),
      metadata: map["metadata"],
      tags: map["tags"]
    }
  end

  defp data(%{"data_base64" => text}), do: {:binary, Base.decode64!(text)}
  defp data(%{"data" => data}), do: data

  defp time(text) do
    {:ok, time, 0} = DateTime.from_iso8601(text)
    time
  end
end
