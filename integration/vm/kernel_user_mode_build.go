package vm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// userModeOptions are what the kernel has. Everything that is not named has its default, or is left out if it can be.
//
//go:embed user-mode/kernel.config
var userModeOptions []byte

// unpackSource unpacks a package of the kernel's source into tree, in place of what is there, and without most of the files that user-mode
// Linux is not built of.
func unpackSource(ctx context.Context, temp, deb, tree string) error {
	unpacked := filepath.Join(temp, "source-package")
	if _, err := run(ctx, temp, nil, "dpkg-deb", "--extract", deb, unpacked); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(unpacked, "usr/src/linux-source-*.tar.xz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("%s holds %d archives of the source, want one", filepath.Base(deb), len(archives))
	}
	if err := errors.Join(os.RemoveAll(tree), os.MkdirAll(tree, 0o755)); err != nil {
		return err
	}
	_, err = run(ctx, temp, nil, "tar", "--extract", "--xz", "--file", archives[0], "--directory", tree, "--strip-components=1",
		"--wildcards", "--wildcards-match-slash", "--exclude=*/drivers/gpu/*.[ch]", "--exclude=*/drivers/media/*.[ch]", "--exclude=*/sound/*.[ch]",
		"--exclude=*/Documentation/*.rst", "--exclude=*/Documentation/*.txt", "--exclude=*/Documentation/*.yaml", "--exclude=*/arch/*.dts*",
		"--exclude=*/tools/testing/*", "--exclude=*/tools/perf/*")
	return err
}

// buildUserMode builds the kernel in tree, and puts its modules into root.
func buildUserMode(ctx context.Context, tree, root string) error {
	options := filepath.Join(tree, "weft.config")
	if err := os.WriteFile(options, userModeOptions, 0o644); err != nil {
		return err
	}
	makeGoals := func(goals ...string) error {
		common := []string{"--jobs=" + strconv.Itoa(runtime.NumCPU()), "--silent", "ARCH=um", "KCONFIG_ALLCONFIG=" + options, "INSTALL_MOD_PATH=" + root}
		_, err := run(ctx, tree, nil, "make", slices.Concat(common, goals)...)
		return err
	}
	if err := makeGoals("allnoconfig"); err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(tree, ".config"))
	if err != nil {
		return err
	}
	if lost := lostOptions(string(userModeOptions), string(config)); len(lost) > 0 {
		return fmt.Errorf("this source has no %s: correct user-mode/kernel.config", strings.Join(lost, ", "))
	}
	if err := makeGoals("linux", "modules"); err != nil {
		return err
	}
	if err := makeGoals("modules_install"); err != nil {
		return err
	}
	links, err := filepath.Glob(filepath.Join(root, "lib/modules/*/build")) // to the tree, which will be gone
	for _, l := range links {
		err = errors.Join(err, os.Remove(l))
	}
	return err
}

// lostOptions are the lines of wanted that are not in config. The kernel's configuration drops in silence what it does not know, or what
// lacks something that it depends on.
func lostOptions(wanted, config string) (lost []string) {
	have := strings.Split(config, "\n")
	for line := range strings.Lines(wanted) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !slices.Contains(have, line) {
			lost = append(lost, line)
		}
	}
	return lost
}
