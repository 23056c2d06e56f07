package vm

import (
	"fmt"
	"path"
	"strings"
)

// bootModules are the modules that the first process needs to reach the machine's files and package vm. Everything else is loaded from
// the machine's files, by the kernel itself or by modprobe.
var bootModules = [...]string{"virtio_pci", "virtio_rng", "virtio_console", "9pnet_virtio", "9p", "overlay"}

// nicModule drives the cards of Config.NICs. It is loaded here, because nothing inside loads modules for devices that appear.
const nicModule = "virtio_net"

// moduleOrder lists the files of modules and of what they depend on, each once and after its dependencies. dep is the
// content of depmod(8)'s modules.dep. A name that is not in it is built in and has no file, if builtin (the content of
// modules.builtin) says so.
func moduleOrder(dep, builtin string, names []string) ([]string, error) {
	file, needs := map[string]string{}, map[string][]string{}
	for line := range strings.Lines(dep) {
		f, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		file[moduleName(f)] = f
		needs[f] = strings.Fields(rest)
	}
	built := map[string]bool{}
	for line := range strings.Lines(builtin) {
		built[moduleName(strings.TrimSpace(line))] = true
	}
	var order []string
	seen := map[string]bool{}
	add := func(f string) {
		if !seen[f] {
			seen[f] = true
			order = append(order, f)
		}
	}
	for _, name := range names {
		f, ok := file[moduleName(name)]
		if !ok {
			if built[moduleName(name)] {
				continue
			}
			return nil, fmt.Errorf("vm: the kernel has no module %s: it must be Debian's standard kernel, not the cloud flavour", name)
		}
		// modules.dep lists all dependencies. The one that is needed first is last.
		for i := len(needs[f]) - 1; i >= 0; i-- {
			add(needs[f][i])
		}
		add(f)
	}
	return order, nil
}

// moduleName is the name that the kernel gives to a module's file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
