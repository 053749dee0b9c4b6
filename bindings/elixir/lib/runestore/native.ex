defmodule Runestore.Native do
  @moduledoc false
  # The functions of c_src/runestore_nif.c: JSON texts in and out, `nil` for an absent one.

  @on_load :load

  def load do
    path = Path.join(to_string(:code.priv_dir(:runestore)), "runestore_nif")
    :erlang.load_nif(String.to_charlist(path), 0)
  end

  def open(_config), do: missing()
  def close(_store), do: missing()
  def append(_store, _events, _opts), do: missing()
  def get_events(_store, _query, _opts), do: missing()
  def wait(_store, _after, _timeout_ms), do: missing()
  def tracking(_store, _source), do: missing()
  def info(_store), do: missing()
  def verify(_store), do: missing()
  def backup(_store, _path), do: missing()
  def copy(_source, _target), do: missing()
  def interrupt(_store), do: missing()
  def closer, do: missing()
  def close_forgotten(_number), do: missing()
  def cursor_open(_store, _query, _opts), do: missing()
  def cursor_next(_cursor, _max_events, _timeout_ms), do: missing()
  def cursor_cancel(_cursor), do: missing()
  def cursor_close(_cursor), do: missing()
  def status_name(_status), do: missing()
  def version, do: missing()

  defp missing, do: :erlang.nif_error(:nif_not_loaded)
end
