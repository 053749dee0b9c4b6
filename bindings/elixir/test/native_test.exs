defmodule Runestore.NativeTest do
  use ExUnit.Case, async: true

  alias Runestore.Native

  @event ~S({"type":"T","domain":"d","instance_id":"i"})

  # What goes wrong here must be an error in Elixir and never the end of the VM.
  test "wrong arguments are badarg, in every place of every function" do
    {:ok, store} = Native.open(nil)
    {:ok, cursor} = Native.cursor_open(store, nil, nil)

    right = [
      open: [nil],
      append: [store, @event, nil],
      get_events: [store, nil, nil],
      wait: [store, 0, 0],
      tracking: [store, "s"],
      info: [store],
      verify: [store],
      backup: [store, "p"],
      copy: [store, store],
      interrupt: [store],
      close_forgotten: [1],
      cursor_open: [store, nil, nil],
      cursor_next: [cursor, 0, 0],
      cursor_cancel: [cursor],
      cursor_close: [cursor],
      close: [store],
      status_name: [0]
    ]

    functions = Native.__info__(:functions) |> Keyword.drop([:load, :version, :closer]) |> Keyword.keys()
    assert Enum.sort(Keyword.keys(right)) == Enum.sort(functions)

    # No text, no handle, no number: wrong wherever they stand.
    wrong = [:atom, make_ref(), self(), {}, [], %{}, 1.5, fn -> 1 end, <<1::3>>, 2 ** 70, -(2 ** 70)]

    tried =
      for {name, args} <- right, at <- 0..(length(args) - 1), term <- wrong do
        args = List.replace_at(args, at, term)
        assert_raise ArgumentError, fn -> apply(Native, name, args) end
      end

    assert length(tried) == 30 * length(wrong)
    for {name, args} <- right, hd(args) in [store, cursor], do: {name, swapped(name, args, store, cursor)}
    assert {:timeout, 0} = Native.wait(store, 0, 0)
  end

  # A cursor for a store and a store for a cursor: both are references.
  defp swapped(name, [handle | args], store, cursor) do
    other = if handle == store, do: cursor, else: store
    assert_raise ArgumentError, fn -> apply(Native, name, [other | args]) end
  end

  test "numbers at the edges" do
    {:ok, store} = Native.open(nil)
    assert {:timeout, 0} = Native.wait(store, 0xFFFFFFFFFFFFFFFF, 0)
    assert {:error, -1, text} = Native.wait(store, 0, -2)
    assert text =~ ~S("code":"misuse")
    assert_raise ArgumentError, fn -> Native.wait(store, -1, 0) end
    {:ok, cursor} = Native.cursor_open(store, nil, nil)
    assert {:done, 0} = Native.cursor_next(cursor, 0xFFFFFFFFFFFFFFFF, 0)
    assert_raise ArgumentError, fn -> Native.cursor_next(cursor, -1, 0) end
    assert Native.status_name(-2_147_483_648) == "unknown"
  end

  test "a number that is no handle closes nothing" do
    for number <- [0, 2 ** 64 - 1] do
      assert {:error, status, ""} = Native.close_forgotten(number)
      assert status in [-1, -2]
    end
  end

  test "an empty text is not an absent one" do
    {:ok, store} = Native.open(nil)
    assert {:ok, "[]"} = Native.get_events(store, nil, nil)
    assert {:error, -3, _} = Native.get_events(store, "", nil)
    # A piece of a larger binary, and one of no bytes at its end.
    text = "xx" <> @event
    assert {:ok, _} = Native.append(store, binary_part(text, 2, byte_size(@event)), nil)
    assert {:error, -3, _} = Native.append(store, binary_part(text, byte_size(text), 0), nil)
  end

  test "handles outlive their close" do
    {:ok, store} = Native.open(nil)
    {:ok, cursor} = Native.cursor_open(store, nil, ~S({"follow":true}))
    assert :ok = Native.close(store)
    assert {:error, -2, _} = Native.close(store)
    assert {:error, -2, _} = Native.cursor_next(cursor, 0, -1)
    assert {:error, -2, ""} = Native.cursor_close(cursor)
    assert {:error, -2, ""} = Native.cursor_close(cursor)
    assert {:error, -2, ""} = Native.cursor_cancel(cursor)
  end

  test "a cursor is cancelled while it waits" do
    {:ok, store} = Native.open(nil)
    {:ok, cursor} = Native.cursor_open(store, nil, ~S({"follow":true}))
    waiting = Task.async(fn -> Native.cursor_next(cursor, 0, 60_000) end)
    Process.sleep(50)
    # It is misuse to read beside that.
    assert {:error, -1, _} = Native.cursor_next(cursor, 0, 0)
    assert :ok = Native.cursor_cancel(cursor)
    assert {:error, -19, _} = Task.await(waiting, 1000)
  end
end
