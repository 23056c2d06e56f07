package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// sourceSuite is the suite of Debian whose source of the kernel is built. Linux 6.16 and newer let user-mode Linux catch system calls with
// seccomp. Debian 12 has an older one.
const sourceSuite = "trixie-backports"

// sourceMetaPackage always depends on the newest source of its suite.
const sourceMetaPackage = "linux-source"

const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"

// suite is a suite of Debian that the machine does not have among its package sources. It is asked without changing them.
type suite struct {
	options []string // of apt-get and apt-cache
}

// openSuite fetches the suite's package lists into dir, from the mirror that the machine's own packages come from.
func openSuite(ctx context.Context, dir string) (suite, error) {
	mirror, err := debianMirror(ctx)
	if err != nil {
		return suite{}, err
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return suite{}, fmt.Errorf("vm: %w", err)
		}
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, fmt.Appendf(nil, "deb [signed-by=%s] %s %s main\n", debianKeys, mirror, sourceSuite), 0o644); err != nil {
		return suite{}, fmt.Errorf("vm: %w", err)
	}
	var s suite
	for _, o := range []string{"Dir::Etc::SourceList=" + list, "Dir::Etc::SourceParts=/dev/null", "Dir::State::Lists=" + filepath.Join(dir, "lists"),
		"Dir::Cache=" + filepath.Join(dir, "cache"), "Acquire::Languages=none", "APT::Sandbox::User=root"} {
		s.options = append(s.options, "-o", o)
	}
	_, err = run(ctx, dir, nil, "apt-get", append(s.options, "update", "-q")...)
	return s, err
}

// debianMirror is where the machine's own release of Debian comes from.
func debianMirror(ctx context.Context) (string, error) {
	out, err := run(ctx, "", nil, "apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		codename, mirror, found := strings.Cut(strings.TrimSpace(line), " ")
		if found && !strings.Contains(codename, "-") { // the others are security and updates
			return mirror, nil
		}
	}
	return "", fmt.Errorf("vm: apt has no package source of Debian: the rig needs one")
}

// sourcePackage is the source's package in a Depends line: "linux-source-6.18 (= 6.18.5-1)".
var sourcePackage = regexp.MustCompile(`\blinux-source-[0-9]+\.[0-9]+\b`)

// newestSource is the name of the package that has the newest source.
func (s suite) newestSource(ctx context.Context) (string, error) {
	out, err := run(ctx, "", nil, "apt-cache", append(s.options, "show", "--no-all-versions", sourceMetaPackage)...)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		if depends, ok := strings.CutPrefix(line, "Depends: "); ok {
			if name := sourcePackage.FindString(depends); name != "" {
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("vm: %s of %s depends on no source of the kernel", sourceMetaPackage, sourceSuite)
}
