defmodule Mix.Tasks.Compile.RunestoreNif do
  @moduledoc false
  use Mix.Task.Compiler

  # The Makefile knows what is up to date, and says what is missing.
  @impl true
  def run(_args) do
    out = Path.join(Mix.Project.app_path(), "priv")

    case System.cmd("make", ["--no-print-directory", "OUT=" <> out], stderr_to_stdout: true) do
      {_, 0} -> {:ok, []}
      {output, _} -> Mix.raise("the NIF of runestore does not compile:\n" <> output)
    end
  end
end

defmodule Runestore.MixProject do
  use Mix.Project

  def project do
    [
      app: :runestore,
      version: "0.1.0",
      elixir: "~> 1.14",
      description: "An event store that a program embeds",
      compilers: [:runestore_nif] ++ Mix.compilers(),
      deps: [],
      package: [
        licenses: ["MIT", "Apache-2.0"],
        files: ~w(lib c_src Makefile mix.exs README.md .formatter.exs)
      ]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Runestore.Application, []}]
  end
end
