package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// metaPackage is the package that always depends on the newest standard kernel. The cloud flavour has no 9p.
const metaPackage = "linux-image-amd64"

// A kernel's package in a Depends line: "linux-image-6.1.0-56-amd64 (= 6.1.192-2)".
var kernelPackage = regexp.MustCompile(`\blinux-image-([0-9][0-9A-Za-z.+~-]*)\b`)

// unpackKernel downloads the kernel's package into temp and makes root of it: vmlinux and lib/modules.
func unpackKernel(ctx context.Context, temp, root string) (release string, err error) {
	name, release, err := kernelPackageName(ctx)
	if err != nil {
		return "", err
	}
	deb, err := download(ctx, temp, name)
	if err != nil {
		return "", err
	}
	if _, err := run(ctx, temp, nil, "dpkg-deb", "--extract", deb, root); err != nil {
		return "", err
	}
	if _, err := run(ctx, temp, nil, "depmod", "--basedir", root, release); err != nil {
		return "", err
	}
	image, err := os.ReadFile(filepath.Join(root, "boot", "vmlinuz-"+release))
	if err != nil {
		return "", fmt.Errorf("vm: %s: %w", name, err)
	}
	for _, unused := range []string{"boot", "usr"} { // boot: the image has been read; usr: documentation
		if err := os.RemoveAll(filepath.Join(root, unused)); err != nil {
			return "", fmt.Errorf("vm: %w", err)
		}
	}
	return release, writeImage(ctx, filepath.Join(root, imageName), image)
}

// writeImage writes the kernel in the form that QEMU boots fastest.
func writeImage(ctx context.Context, path string, image []byte) error {
	p, err := cutPayload(image)
	if err != nil {
		return err
	}
	elf, err := run(ctx, "", p.data, p.decompress[0], p.decompress[1:]...)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) {
		return errors.New("vm: the kernel's payload is no ELF file")
	}
	if err := os.WriteFile(path, elf, 0o644); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	return nil
}

// kernelPackageName asks apt. If the machine has no package lists yet, it fetches them once.
func kernelPackageName(ctx context.Context) (name, release string, err error) {
	for _, update := range []bool{false, true} {
		if update {
			if _, err := run(ctx, "", nil, "apt-get", "update", "-q"); err != nil {
				return "", "", err
			}
		}
		out, err := run(ctx, "", nil, "apt-cache", "show", "--no-all-versions", metaPackage)
		if err != nil {
			continue // not known yet
		}
		for line := range strings.Lines(string(out)) {
			if depends, ok := strings.CutPrefix(line, "Depends: "); ok {
				if m := kernelPackage.FindStringSubmatch(depends); m != nil {
					return m[0], m[1], nil
				}
			}
		}
	}
	return "", "", fmt.Errorf("vm: apt knows no %s that depends on a kernel: the rig needs Debian's package sources", metaPackage)
}

// run runs a command and returns its standard output; the error holds the end of what it wrote to standard error.
func run(ctx context.Context, dir string, stdin []byte, name string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(stdin), &stdout, &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH="+searchPath())
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("vm: %w: `make deps` installs what the rig needs", err)
		}
		return nil, fmt.Errorf("vm: %s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, tail(stderr.String(), 500))
	}
	return stdout.Bytes(), nil
}

// searchPath is PATH with the folders of root's tools, which some logins lack.
func searchPath() string { return os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin" }

func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// download fetches a package into dir, from the machine's package sources or from one suite.
func download(ctx context.Context, dir, name string, from ...suite) (deb string, err error) {
	var options []string
	for _, s := range from {
		options = append(options, s.options...)
	}
	for _, update := range []bool{false, true} { // a machine may have no package lists yet, or old ones
		if update {
			if _, err := run(ctx, "", nil, "apt-get", append(options, "update", "-q")...); err != nil {
				return "", err
			}
		}
		// apt's own download user may not write here, so apt downloads as root.
		if _, err = run(ctx, dir, nil, "apt-get", append(options, "download", "-q", "-o", "APT::Sandbox::User=root", name)...); err == nil {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("%w; is a Debian mirror reachable?", err)
	}
	debs, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("vm: apt-get download %s left %d packages, want one", name, len(debs))
	}
	return debs[0], nil
}
