# frozen_string_literal: true

module Runestore
  VERSION = "0.1.0"
end
