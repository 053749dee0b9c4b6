defmodule Runestore.JSON do
  @moduledoc false
  # JSON for what goes into a store and what comes out of it, so that the package has no dependency.
  #
  # Integers keep all their digits and floats all their bits. The decoder copies strings: one that referred to the text
  # would keep a whole answer in memory. Of a key that stands twice the last value counts.

  defmodule Unfit do
    @moduledoc false
    # What has no form in JSON, and where it stands: a list of keys and indexes, the innermost first.
    defexception [:term, :why, path: []]

    @impl true
    def message(%{why: why, path: path}), do: "#{place(path)}#{why}"

    defp place([]), do: ""

    defp place(path) do
      [first | rest] = Enum.reverse(path)
      Enum.reduce(rest, to_string(first), &(&2 <> step(&1))) <> ": "
    end

    defp step(index) when is_integer(index), do: "[#{index}]"
    defp step(key), do: "." <> key
  end

  # ---- out ----

  @doc "The text of a term, as iodata."
  def encode!(term, path \\ []), do: write(term, path)

  defp write(nil, _), do: "null"
  defp write(true, _), do: "true"
  defp write(false, _), do: "false"
  defp write(atom, _) when is_atom(atom), do: string(Atom.to_string(atom))
  defp write(text, _) when is_binary(text), do: string(text)
  defp write(integer, _) when is_integer(integer), do: Integer.to_string(integer)
  defp write(float, _) when is_float(float), do: :erlang.float_to_binary(float, [:short])
  defp write([], _), do: "[]"

  defp write([first | rest], path) do
    [?[, write(first, [0 | path]), elements(rest, 1, path)]
  end

  defp write(%DateTime{} = time, _), do: [?", DateTime.to_iso8601(time), ?"]

  defp write(%module{} = struct, path) do
    # Calendar types without a zone would be read as something else than they were.
    raise Unfit, term: struct, path: path, why: "a struct #{inspect(module)} has no form in JSON: give a map"
  end

  defp write(map, path) when is_map(map) do
    case :maps.to_list(map) do
      [] -> "{}"
      [first | rest] -> [?{, member(first, path), Enum.map(rest, &[?,, member(&1, path)]), ?}]
    end
  end

  defp write(term, path) do
    raise Unfit, term: term, path: path, why: "#{kind(term)} has no form in JSON: #{inspect(term, limit: 5)}"
  end

  defp elements([], _, _), do: "]"
  defp elements([term | rest], at, path), do: [?,, write(term, [at | path]) | elements(rest, at + 1, path)]

  defp elements(tail, _, path) do
    raise Unfit, term: tail, path: path, why: "an improper list has no form in JSON"
  end

  defp member({key, value}, path) when is_binary(key), do: [string(key), ?:, write(value, [key | path])]

  defp member({key, value}, path) when is_atom(key) do
    name = Atom.to_string(key)
    [string(name), ?:, write(value, [name | path])]
  end

  defp member({key, _}, path) do
    raise Unfit, term: key, path: path, why: "a key is a string or an atom, not #{inspect(key, limit: 5)}"
  end

  defp kind(term) when is_tuple(term), do: "a tuple"
  defp kind(term) when is_pid(term), do: "a pid"
  defp kind(term) when is_function(term), do: "a function"
  defp kind(term) when is_reference(term), do: "a reference"
  defp kind(term) when is_bitstring(term), do: "a bitstring"
  defp kind(_), do: "this"

  # Whether the bytes are UTF-8 the library looks at: it does so anyway, and names the place.
  defp string(text), do: [?", escape(text, text, 0, 0), ?"]

  defp escape(<<byte, rest::binary>>, text, start, length) when byte < 0x20 or byte in [?", ?\\] do
    [
      binary_part(text, start, length),
      escaped(byte) | escape(rest, text, start + length + 1, 0)
    ]
  end

  defp escape(<<_, rest::binary>>, text, start, length), do: escape(rest, text, start, length + 1)
  defp escape(<<>>, text, 0, _), do: [text]
  defp escape(<<>>, text, start, length), do: [binary_part(text, start, length)]

  defp escaped(?"), do: "\\\""
  defp escaped(?\\), do: "\\\\"
  defp escaped(?\n), do: "\\n"
  defp escaped(?\r), do: "\\r"
  defp escaped(?\t), do: "\\t"
  defp escaped(?\b), do: "\\b"
  defp escaped(?\f), do: "\\f"
  defp escaped(byte), do: ["\\u00", Base.encode16(<<byte>>, case: :lower)]

  # ---- in ----

  @doc "The term of a text; ArgumentError for what is no JSON."
  def decode!(text) when is_binary(text) do
    {term, rest} = value(text)

    case skip(rest) do
      "" -> term
      _ -> wrong(rest)
    end
  end

  defp value(<<byte, rest::binary>>) when byte in ~c" \n\r\t", do: value(rest)
  defp value(<<?", rest::binary>>), do: read_string(rest, rest, 0, [])
  defp value(<<?{, rest::binary>>), do: object(skip(rest))
  defp value(<<?[, rest::binary>>), do: array(skip(rest))
  defp value(<<"true", rest::binary>>), do: {true, rest}
  defp value(<<"false", rest::binary>>), do: {false, rest}
  defp value(<<"null", rest::binary>>), do: {nil, rest}
  defp value(text), do: number(text)

  defp skip(<<byte, rest::binary>>) when byte in ~c" \n\r\t", do: skip(rest)
  defp skip(text), do: text

  defp array(<<?], rest::binary>>), do: {[], rest}
  defp array(text), do: array(text, [])

  defp array(text, found) do
    {term, rest} = value(text)

    case skip(rest) do
      <<?,, rest::binary>> -> array(rest, [term | found])
      <<?], rest::binary>> -> {:lists.reverse(found, [term]), rest}
      rest -> wrong(rest)
    end
  end

  defp object(<<?}, rest::binary>>), do: {%{}, rest}
  defp object(text), do: object(text, [])

  defp object(<<?", rest::binary>>, found) do
    {key, rest} = read_string(rest, rest, 0, [])

    with <<?:, rest::binary>> <- skip(rest) do
      {term, rest} = value(rest)
      found = [{key, term} | found]

      case skip(rest) do
        <<?,, rest::binary>> -> object(skip(rest), found)
        <<?}, rest::binary>> -> {:maps.from_list(:lists.reverse(found)), rest}
        rest -> wrong(rest)
      end
    else
      rest -> wrong(rest)
    end
  end

  defp object(text, _), do: wrong(text)

  defp read_string(<<?", rest::binary>>, start, length, []) do
    {:binary.copy(binary_part(start, 0, length)), rest}
  end

  defp read_string(<<?", rest::binary>>, start, length, found) do
    {IO.iodata_to_binary([found, binary_part(start, 0, length)]), rest}
  end

  defp read_string(<<?\\, rest::binary>>, start, length, found) do
    {text, rest} = unescape(rest)
    read_string(rest, rest, 0, [found, binary_part(start, 0, length), text])
  end

  defp read_string(<<byte, rest::binary>>, start, length, found) when byte >= 0x20 do
    read_string(rest, start, length + 1, found)
  end

  defp read_string(text, _, _, _), do: wrong(text)

  defp unescape(<<?u, a, b, c, d, rest::binary>>), do: unit(hex(a, b, c, d), rest)
  defp unescape(<<byte, rest::binary>>) when byte in [?", ?\\, ?/], do: {<<byte>>, rest}
  defp unescape(<<?n, rest::binary>>), do: {"\n", rest}
  defp unescape(<<?r, rest::binary>>), do: {"\r", rest}
  defp unescape(<<?t, rest::binary>>), do: {"\t", rest}
  defp unescape(<<?b, rest::binary>>), do: {"\b", rest}
  defp unescape(<<?f, rest::binary>>), do: {"\f", rest}
  defp unescape(text), do: wrong(text)

  defp unit(high, <<"\\u", a, b, c, d, rest::binary>> = text) when high in 0xD800..0xDBFF do
    case hex(a, b, c, d) do
      low when low in 0xDC00..0xDFFF -> {<<0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00::utf8>>, rest}
      _ -> wrong(text)
    end
  end

  defp unit(unit, rest) when unit in 0xD800..0xDFFF, do: wrong(rest)
  defp unit(unit, rest), do: {<<unit::utf8>>, rest}

  defp hex(a, b, c, d), do: digit(a) * 0x1000 + digit(b) * 0x100 + digit(c) * 0x10 + digit(d)

  defp digit(byte) when byte in ?0..?9, do: byte - ?0
  defp digit(byte) when byte in ?a..?f, do: byte - ?a + 10
  defp digit(byte) when byte in ?A..?F, do: byte - ?A + 10
  defp digit(byte), do: wrong(<<byte>>)

  # A number is an integer unless it has a fraction or an exponent. `length` counts its bytes.
  defp number(<<?-, rest::binary>> = text), do: whole(rest, text, 1)
  defp number(text), do: whole(text, text, 0)

  defp whole(<<?0, rest::binary>>, text, length), do: fraction(rest, text, length + 1)

  defp whole(<<byte, rest::binary>>, text, length) when byte in ?1..?9 do
    {rest, length} = digits(rest, length + 1)
    fraction(rest, text, length)
  end

  defp whole(rest, _, _), do: wrong(rest)

  defp fraction(<<?., byte, rest::binary>>, text, length) when byte in ?0..?9 do
    {rest, length} = digits(rest, length + 2)

    case exponent(rest, length) do
      {rest, length} -> {float(binary_part(text, 0, length)), rest}
      nil -> {float(binary_part(text, 0, length)), rest}
    end
  end

  defp fraction(<<?., _::binary>> = rest, _, _), do: wrong(rest)

  defp fraction(rest, text, length) do
    case exponent(rest, length) do
      nil ->
        {:erlang.binary_to_integer(binary_part(text, 0, length)), rest}

      {rest, total} ->
        # Erlang reads a float only if it has a fraction.
        {float(binary_part(text, 0, length) <> ".0" <> binary_part(text, length, total - length)), rest}
    end
  end

  defp exponent(<<e, sign, byte, rest::binary>>, length)
       when e in ~c"eE" and sign in ~c"+-" and byte in ?0..?9 do
    digits(rest, length + 3)
  end

  defp exponent(<<e, byte, rest::binary>>, length) when e in ~c"eE" and byte in ?0..?9 do
    digits(rest, length + 2)
  end

  defp exponent(<<e, _::binary>> = rest, _) when e in ~c"eE", do: wrong(rest)
  defp exponent(_, _), do: nil

  defp digits(<<byte, rest::binary>>, length) when byte in ?0..?9, do: digits(rest, length + 1)
  defp digits(rest, length), do: {rest, length}

  defp float(text), do: :erlang.binary_to_float(text)

  defp wrong(rest) do
    raise ArgumentError, "no JSON at #{inspect(binary_part(rest, 0, min(byte_size(rest), 20)))}"
  end

  # ---- keys ----

  @doc """
  The objects of an answer that is not an event, with atoms as keys. These names come from the library, which has a
  fixed number of them.
  """
  def atom_keys(map) when is_map(map),
    do: Map.new(map, fn {key, term} -> {String.to_atom(key), atom_keys(term)} end)

  def atom_keys(list) when is_list(list), do: Enum.map(list, &atom_keys/1)
  def atom_keys(term), do: term
end
