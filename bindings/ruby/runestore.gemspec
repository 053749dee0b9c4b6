# frozen_string_literal: true

require_relative "lib/runestore/version"

Gem::Specification.new do |spec|
  spec.name = "runestore"
  spec.version = Runestore::VERSION
  spec.authors = ["The Runestore authors"]
  spec.summary = "An embeddable event store: atomic batches, one gapless order, queries by type, stream, tag and time"
  spec.licenses = ["MIT", "Apache-2.0"]
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir["lib/**/*.rb", "LICENSE-*", "README.md", "example.rb", base: __dir__]
  spec.metadata = { "rubygems_mfa_required" => "true" }
  # It comes with Ruby; from Ruby 4.0 on Bundler wants it named.
  spec.add_dependency "fiddle", "~> 1.1"
end
