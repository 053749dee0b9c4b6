package runestore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The program in README.md is built in a module of its own, by the commands of go that stand there, and prints what its
// comments say.
func TestTheReadmePrintsWhatItSays(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	must(t, err)
	blocks := regexp.MustCompile("(?s)```(sh|go)\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) != 2 || blocks[0][1] != "sh" || blocks[1][1] != "go" {
		t.Fatalf("%d blocks", len(blocks))
	}
	program := blocks[1][2]
	commands := regexp.MustCompile(`(?m)^go .*$`).FindAllString(blocks[0][2], -1)
	unpacked := regexp.MustCompile(`=\./(\S+)`).FindStringSubmatch(blocks[0][2])
	if len(commands) != 3 || commands[2] != "go run ." || unpacked == nil {
		t.Fatalf("the commands are %q, of a package in %q", commands, unpacked)
	}
	var said []string
	for _, line := range regexp.MustCompile(`(?m)// -> (.*)$`).FindAllStringSubmatch(program, -1) {
		said = append(said, line[1])
	}
	if len(said) != 4 {
		t.Fatalf("it says %q", said)
	}

	folder := t.TempDir()
	here, err := os.Getwd()
	must(t, err)
	must(t, os.Symlink(here, filepath.Join(folder, unpacked[1])))
	must(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600))
	var printed []byte
	for _, line := range commands {
		words := strings.Fields(line)
		command := exec.Command(words[0], words[1:]...)
		command.Dir = folder
		var stderr strings.Builder
		command.Stderr = &stderr
		printed, err = command.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, stderr.String())
		}
	}
	same(t, "printed", strings.Split(strings.TrimSpace(string(printed)), "\n"), said)
	if info, err := os.Stat(filepath.Join(folder, "ledger.runes")); err != nil || !info.IsDir() {
		t.Errorf("ledger.runes: %v", err)
	}
}
