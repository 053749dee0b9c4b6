defmodule Runestore.JSONTest do
  use ExUnit.Case, async: true

  alias Runestore.JSON

  defp text(term), do: term |> JSON.encode!() |> IO.iodata_to_binary()

  @both [
    {"null", nil},
    {"true", true},
    {"false", false},
    {"0", 0},
    {"-17", -17},
    {"123456789012345678901234567890123456789012", 123_456_789_012_345_678_901_234_567_890_123_456_789_012},
    {"0.1", 0.1},
    {"-0.0", -0.0},
    {"5.0e-324", 5.0e-324},
    {"1.7976931348623157e308", 1.7976931348623157e308},
    {~S(""), ""},
    {~S("a\"b\\c\n\r\t\b\f\u0001"), "a\"b\\c\n\r\t\b\f\x01"},
    {~S("äö😀"), "äö😀"},
    {"[]", []},
    {"[1,[2],[]]", [1, [2], []]},
    {"{}", %{}},
    {~S({"a":{"b":[null]}}), %{"a" => %{"b" => [nil]}}}
  ]

  test "texts and terms, both ways" do
    for {json, term} <- @both do
      assert text(term) == json
      assert JSON.decode!(json) === term
    end
  end

  test "floats keep every bit" do
    :rand.seed(:exsss, {1, 2, 3})

    for _ <- 1..2000 do
      <<bits::64>> = :rand.bytes(8)

      case <<bits::64>> do
        <<float::float>> -> assert <<JSON.decode!(text(float))::float>> == <<bits::64>>
        _ -> :not_a_number
      end
    end
  end

  test "every code point survives, as itself and as an escape" do
    for point <- Enum.concat([0..0xD7FF//7, 0xE000..0xFFFF//7, 0x10000..0x10FFFF//4099]) do
      string = <<point::utf8>>
      assert JSON.decode!(text(string)) == string
      utf16 = :unicode.characters_to_binary(string, :utf8, {:utf16, :big})
      escape = for <<unit::16 <- utf16>>, into: "", do: "\\u" <> Base.encode16(<<unit::16>>)
      assert JSON.decode!(~s("x#{escape}y")) == "x" <> string <> "y"
    end
  end

  test "forms of numbers" do
    assert JSON.decode!("1e2") === 100.0
    assert JSON.decode!("1E+2") === 100.0
    assert JSON.decode!("-12e-1") === -1.2
    assert JSON.decode!("1.5e3") === 1500.0
    assert JSON.decode!("1.0e-400") === 0.0
    assert JSON.decode!("-0") === 0
  end

  test "white space between tokens, and slashes escaped" do
    assert JSON.decode!(" {\n\"a\" :\t[ 1 , 2 ]\r, \"b\" : { } , \"c\":[ ]} ") == %{
             "a" => [1, 2],
             "b" => %{},
             "c" => []
           }

    assert JSON.decode!(~S("\/")) == "/"
  end

  test "of a key that stands twice the last value counts" do
    assert JSON.decode!(~S({"a":1,"a":2})) == %{"a" => 2}
  end

  test "what is no JSON is refused" do
    for wrong <- [
          "",
          " ",
          "nul",
          "01",
          "-",
          "1.",
          ".5",
          "1e",
          "1e+",
          "+1",
          "[1",
          "[1,]",
          "[,]",
          "{\"a\"}",
          "{\"a\":}",
          "{\"a\":1,}",
          "{a:1}",
          "\"a",
          "\"\n\"",
          ~S("\x"),
          ~S("\u12"),
          ~S("\u12g4"),
          ~S("\ud800"),
          ~S("\udc00"),
          ~S("\ud800\u0041"),
          "1 2",
          "[] x"
        ] do
      assert_raise ArgumentError, fn -> JSON.decode!(wrong) end
    end
  end

  test "strings do not keep the text that they were read from" do
    long = String.duplicate("x", 100)
    filler = String.duplicate("y", 100_000)
    [found, _] = JSON.decode!(~s(["#{long}","#{filler}"]))
    assert :binary.referenced_byte_size(found) == 100
  end

  test "atoms and times are strings, also as keys" do
    time = ~U[2026-11-23 03:50:00.123456Z]
    assert text(%{a: :b}) == ~S({"a":"b"})
    assert text([time]) == ~S(["2026-11-23T03:50:00.123456Z"])
  end

  test "what has no form in JSON is refused by its place" do
    for {term, place} <- [
          {%{a: [1, {2}]}, "data.a[1]: a tuple"},
          {%{a: self()}, "data.a: a pid"},
          {[fn -> 1 end], "data[0]: a function"},
          {%{{1} => 2}, "data: a key"},
          {~D[2026-01-01], "data: a struct Date"},
          {[1 | 2], "data: an improper list"},
          {<<1::3>>, "data: a bitstring"}
        ] do
      error = assert_raise JSON.Unfit, fn -> JSON.encode!(term, ["data"]) end
      assert Exception.message(error) =~ place
    end
  end
end
