//go:build !runestore_flags

package runestore

// #cgo pkg-config: runestore
import "C"
