defmodule Runestore.Error do
  @moduledoc """
  What every error of a store is: a code for the program, a message for the person, and details.

  The message says what was found, where, and what to do. The codes are the same in every language:
  `:misuse`, `:closed`, `:invalid_json`, `:invalid_event`, `:invalid_query`, `:invalid_options`, `:conflict`,
  `:duplicate_id`, `:too_large`, `:not_found`, `:read_only`, `:locked`, `:io`, `:no_space`, `:corrupt`,
  `:unsupported`, `:engine`, `:indeterminate`, `:interrupted`, `:forked`, `:internal`.

      iex> store = Runestore.open!()
      iex> {:error, error} = Runestore.append(store, %{tpye: "Opened"})
      iex> {error.code, error.details}
      {:invalid_event, %{index: 0, field: "tpye"}}
      iex> error.message
      "event: `tpye` is not a field of an event; did you mean `type`?"
  """

  @codes %{
    -1 => :misuse,
    -2 => :closed,
    -3 => :invalid_json,
    -4 => :invalid_event,
    -5 => :invalid_query,
    -6 => :invalid_options,
    -7 => :conflict,
    -8 => :duplicate_id,
    -9 => :too_large,
    -10 => :not_found,
    -11 => :read_only,
    -12 => :locked,
    -13 => :io,
    -14 => :no_space,
    -15 => :corrupt,
    -16 => :unsupported,
    -17 => :engine,
    -18 => :indeterminate,
    -19 => :interrupted,
    -20 => :forked,
    -99 => :internal
  }

  @type code ::
          unquote(Enum.reduce(Enum.sort(Map.values(@codes)), fn code, union -> {:|, [], [code, union]} end))
  @type t :: %__MODULE__{code: code, message: String.t(), details: map}

  defexception [:code, :message, details: %{}]

  @doc false
  def codes, do: @codes

  @doc false
  # A few functions of the library give a number alone.
  def from_native(status, "") do
    code = Map.get(@codes, status, :internal)
    %__MODULE__{code: code, message: "the store answers: #{code}", details: %{}}
  end

  def from_native(status, text) do
    {message, details} = text |> Runestore.JSON.decode!() |> Runestore.JSON.atom_keys() |> Map.pop(:message)

    %__MODULE__{
      code: Map.get(@codes, status, :internal),
      message: message,
      details: Map.delete(details, :code)
    }
  end
end
