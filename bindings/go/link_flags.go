//go:build runestore_flags

package runestore

// Where header and library are is said by CGO_CFLAGS and CGO_LDFLAGS.

// #cgo LDFLAGS: -lrunestore
import "C"
