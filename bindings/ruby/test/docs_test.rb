# frozen_string_literal: true

require_relative "helper"

# What the README and the example show runs, and prints what they say.
class DocsTest < Minitest::Test
  include Helper

  GEM = Gem.loaded_specs.fetch("runestore").full_gem_path

  # A comment "# -> text" says what a line prints.
  def check(program)
    assert_equal program.scan(/# -> (.*)$/).flatten, ruby(program).lines(chomp: true)
  end

  def test_the_readme_runs
    blocks = File.read(File.join(GEM, "README.md"), encoding: "UTF-8").scan(/^```ruby\n(.*?)^```$/m).flatten
    program = blocks.join("\n")
    assert_operator program.scan("# -> ").size, :>=, 7
    check(program)
    FileUtils.rm_rf(place)
    assert_raises(Minitest::Assertion) { check(program.sub("# -> 1 Ada", "# -> 2 Ada")) }
  end

  def test_the_example_runs_in_memory_and_twice_in_a_directory
    example = File.read(File.join(GEM, "example.rb"))
    [[], ["ledger.runes"], ["ledger.runes"]].each do |arguments|
      said = ruby(example, *arguments)
      assert_match(/^7 events more; 1 of 6 refused: 0 cents are there, 1000 are wanted$/, said)
      assert_match(/^  7 Withdrawn  0$/, said)
    end
  end

  def test_the_gem_is_what_was_installed
    assert_operator GEM, :start_with?, ENV.fetch("GEM_HOME")
    assert_includes $LOADED_FEATURES, File.join(GEM, "lib/runestore/store.rb")
    %w[LICENSE-MIT LICENSE-APACHE README.md example.rb].each { |file| assert_path_exists File.join(GEM, file) }
  end
end
