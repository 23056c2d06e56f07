package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	userModePrefix  = "user-mode-" // prefix of its folder in the cache; the source's version and userModeEdition follow
	userModeEdition = "-5"         // changes when the configuration or the clock does, so that older folders are not used
	userModeImage   = "linux"      // a folder that has it is complete, because it is renamed to its place
)

// userModeBuildTimeout bounds the download of 170 MB and the build. The build takes 6 to 19 minutes of processor time.
const userModeBuildTimeout = 60 * time.Minute

// findUserMode returns user-mode Linux from the cache folder. If it is not there, it makes it of Debian's source of the kernel. Nothing
// is installed.
func findUserMode(ctx context.Context, log func(format string, args ...any)) (Kernel, error) {
	return find(ctx, log, source{name: "user-mode Linux", cost: "180 MB, and some minutes to build it",
		limit: userModeBuildTimeout, look: cachedUserMode,
		make: func(ctx context.Context, temp, root string) (string, error) {
			return makeUserMode(ctx, temp, root, log)
		}})
}

func cachedUserMode(cache string) (Kernel, bool) {
	images, _ := filepath.Glob(filepath.Join(cache, userModePrefix+"*"+userModeEdition, userModeImage)) // the pattern is right
	if len(images) == 0 {
		return Kernel{}, false
	}
	newest := slices.MaxFunc(images, func(a, b string) int { return modified(a).Compare(modified(b)) })
	root := filepath.Dir(newest)
	releases, _ := filepath.Glob(filepath.Join(root, "lib", "modules", "[0-9]*"))
	if len(releases) != 1 {
		return Kernel{}, false
	}
	return Kernel{Release: filepath.Base(releases[0]), Image: newest, Root: root}, true
}

// makeUserMode downloads the source, builds it and puts the kernel and its modules into root. log may be nil.
func makeUserMode(ctx context.Context, temp, root string, log func(format string, args ...any)) (folder string, err error) {
	suite, err := openSuite(ctx, filepath.Join(temp, "suite"))
	if err != nil {
		return "", err
	}
	name, err := suite.newestSource(ctx)
	if err != nil {
		return "", err
	}
	deb, err := download(ctx, temp, name, suite)
	if err != nil {
		return "", err
	}
	version, err := run(ctx, temp, nil, "dpkg-deb", "--show", "--showformat=${Version}", deb)
	if err != nil {
		return "", err
	}
	tree := filepath.Join(temp, "source")
	build := func(change func(tree string) error) error {
		if err := unpackSource(ctx, temp, deb, tree); err != nil {
			return err
		}
		if err := change(tree); err != nil {
			return err
		}
		return buildUserMode(ctx, tree, root)
	}
	if err := build(changeClock); err != nil {
		if log != nil {
			log("user-mode Linux gets its own clock, which is slow: %s %s with another: %v", name, version, err)
		}
		if err := build(func(string) error { return nil }); err != nil {
			return "", fmt.Errorf("%s %s: %w", name, version, err)
		}
	}
	return userModePrefix + string(version) + userModeEdition, os.Rename(filepath.Join(tree, "linux"), filepath.Join(root, userModeImage))
}
