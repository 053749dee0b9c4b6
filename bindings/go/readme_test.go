package runestore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The program in README.md is built in a module of its own, with the lines for go.mod that stand there, and prints what its
// comments say.
func TestTheReadmePrintsWhatItSays(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	must(t, err)
	blocks := regexp.MustCompile("(?s)```(go|)\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) != 2 || blocks[0][1] != "go" || blocks[1][1] != "" {
		t.Fatalf("%d blocks", len(blocks))
	}
	program, module := blocks[0][2], blocks[1][2]
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
	must(t, os.Mkdir(filepath.Join(folder, "third_party"), 0o700))
	must(t, os.Symlink(here, filepath.Join(folder, "third_party", "runestore")))
	must(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module program\n\ngo 1.19\n\n"+module), 0o600))
	command := exec.Command("go", "run", ".")
	command.Dir = folder
	var stderr strings.Builder
	command.Stderr = &stderr
	printed, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	same(t, "printed", strings.Split(strings.TrimSpace(string(printed)), "\n"), said)
	if info, err := os.Stat(filepath.Join(folder, "ledger.runes")); err != nil || !info.IsDir() {
		t.Errorf("ledger.runes: %v", err)
	}
}
