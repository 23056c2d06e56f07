package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	userModePackage = "user-mode-linux"
	userModePrefix  = "user-mode-" // prefix of its folder in the cache; the package's version follows
	userModeImage   = "linux"      // a folder that has it is complete, because it is renamed to its place
)

// userModeBuildTimeout bounds the download of 180 MB and the build of the modules. They take a minute and a half on two processors.
const userModeBuildTimeout = 20 * time.Minute

// findUserMode returns user-mode Linux from the cache folder. If it is not there, it makes it: Debian's package, unpacked and never
// installed, with the nftables modules that the package lacks.
func findUserMode(ctx context.Context, log func(format string, args ...any)) (Kernel, error) {
	return find(ctx, log, source{name: "user-mode Linux", cost: "180 MB, and a few minutes to build its modules for nftables",
		limit: userModeBuildTimeout, look: cachedUserMode, make: makeUserMode})
}

func cachedUserMode(cache string) (Kernel, bool) {
	images, _ := filepath.Glob(filepath.Join(cache, userModePrefix+"*", userModeImage)) // the pattern is right
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

// makeUserMode makes root from the package, and from the source that the package says it was built from.
func makeUserMode(ctx context.Context, temp, root string) (folder string, err error) {
	unpacked, tree := filepath.Join(temp, "package"), filepath.Join(temp, "source")
	deb, err := download(ctx, temp, userModePackage)
	if err != nil {
		return "", err
	}
	fields, err := run(ctx, temp, nil, "dpkg-deb", "--show", "--showformat=${Version}\n${Built-Using}", deb)
	if err != nil {
		return "", err
	}
	version, built, _ := strings.Cut(string(fields), "\n")
	origin, err := sourcePackage(built)
	if err != nil {
		return "", err
	}
	if _, err := run(ctx, temp, nil, "dpkg-deb", "--extract", deb, unpacked); err != nil {
		return "", err
	}
	for _, part := range [][2]string{{"usr/bin/linux.uml", userModeImage}, {"usr/lib/uml/modules", "lib/modules"}} {
		to := filepath.Join(root, part[1])
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if err := os.Rename(filepath.Join(unpacked, part[0]), to); err != nil {
			return "", fmt.Errorf("%s %s: %w", userModePackage, version, err)
		}
	}
	release, err := onlyEntry(filepath.Join(root, "lib", "modules"))
	if err != nil {
		return "", err
	}
	config := filepath.Join(unpacked, "usr/share/doc", userModePackage, "config.gz")
	if err := unpackSource(ctx, temp, tree, origin); err != nil {
		return "", err
	}
	if err := buildModules(ctx, tree, config, filepath.Join(root, "lib", "modules", release, "kernel")); err != nil {
		return "", err
	}
	_, err = run(ctx, temp, nil, "depmod", "--basedir", root, release)
	return userModePrefix + version, err
}

// builtUsing matches the package's field Built-Using: "linux (= 6.1.176-1)".
var builtUsing = regexp.MustCompile(`(?:^|[ ,])linux \(= (([0-9]+\.[0-9]+)[^ )]*)\)`)

// sourcePackage is the package, with its version, of the source that user-mode Linux was built from. Modules from another source might
// disagree with the kernel about its structures.
func sourcePackage(field string) (string, error) {
	m := builtUsing.FindStringSubmatch(field)
	if m == nil {
		return "", fmt.Errorf("package %s says it was built of %q: want linux (= version)", userModePackage, field)
	}
	return "linux-source-" + m[2] + "=" + m[1], nil
}

func onlyEntry(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("%s holds %d entries, want one", dir, len(entries))
	}
	return entries[0].Name(), nil
}
