package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weft/integration/vm/agent"
)

// guestPackage is the first process inside the virtual machine.
const guestPackage = "weft/integration/vm/guest"

// buildInitramfs writes what the kernel unpacks at boot: the first process, the named modules and the Boot. The working directory must be
// in Weft's module, because the first process is built from it. The first process is linked statically, so it needs nothing else. temp
// receives intermediate files.
func buildInitramfs(ctx context.Context, k Kernel, names []string, boot agent.Boot, temp string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	program := filepath.Join(temp, "init")
	// Without flags of its own for the compiler (-trimpath), its packages are in Go's build cache already.
	build := []string{"go", "build", "-ldflags=-s -w", "-o", program, guestPackage}
	if _, err := run(ctx, "", nil, "env", append([]string{"CGO_ENABLED=0", "GOFLAGS="}, build...)...); err != nil {
		return nil, err
	}
	init, err := os.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("vm: %w", err)
	}
	files := []cpioFile{{name: "dev", mode: cpioDirectory}, {name: "modules", mode: cpioDirectory},
		{name: "init", mode: cpioProgram, data: init}}
	modules, err := readModules(k, names)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		files = append(files, m)
		boot.Modules = append(boot.Modules, "/"+m.name)
	}
	config, err := json.Marshal(boot)
	if err != nil {
		return nil, fmt.Errorf("vm: %w", err)
	}
	return cpioArchive(append(files, cpioFile{name: strings.TrimPrefix(agent.BootFile, "/"), mode: cpioPlain, data: config})), nil
}

// readModules reads the files of the modules that the first process loads, in the order of loading.
func readModules(k Kernel, names []string) ([]cpioFile, error) {
	folder := filepath.Join(k.Root, "lib", "modules", k.Release)
	dep, err := os.ReadFile(filepath.Join(folder, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("vm: %w; remove %s to have it fetched again", err, k.Root)
	}
	builtin, err := os.ReadFile(filepath.Join(folder, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("vm: %w; remove %s to have it fetched again", err, k.Root)
	}
	order, err := moduleOrder(string(dep), string(builtin), names)
	if err != nil {
		return nil, err
	}
	files := make([]cpioFile, len(order))
	for i, m := range order {
		data, err := os.ReadFile(filepath.Join(folder, m))
		if err != nil {
			return nil, fmt.Errorf("vm: %w; remove %s to have it fetched again", err, k.Root)
		}
		files[i] = cpioFile{name: "modules/" + filepath.Base(m), mode: cpioPlain, data: data}
	}
	return files, nil
}
