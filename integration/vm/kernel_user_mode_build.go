package vm

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

// userModeOptions are added to the options that user-mode Linux was built with, because it knows nftables only for bridges. None of them
// changes the layout of a structure that the kernel shares with its modules. Debugging information is off, because it would only take
// time.
const userModeOptions = `
CONFIG_NF_TABLES_INET=y
CONFIG_NF_TABLES_NETDEV=y
CONFIG_NF_TABLES_IPV4=y
CONFIG_NF_TABLES_IPV6=y
CONFIG_NF_TABLES_ARP=y
CONFIG_NFT_NAT=m
CONFIG_NFT_FIB_INET=m
CONFIG_NFT_FIB_IPV4=m
CONFIG_NFT_FIB_IPV6=m
CONFIG_NFT_REJECT_INET=m
CONFIG_NFT_REJECT_IPV4=m
CONFIG_NFT_REJECT_IPV6=m
CONFIG_NFT_BRIDGE_META=m
CONFIG_NFT_BRIDGE_REJECT=m
CONFIG_DEBUG_INFO=n
CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=n
CONFIG_DEBUG_INFO_NONE=y
CONFIG_LOCALVERSION_AUTO=n
`

// userModeModules are the modules that the options add, and the package's modules that they change.
var userModeModules = [...]string{
	"net/netfilter/nf_tables.ko", "net/netfilter/nf_nat.ko", "net/netfilter/nft_nat.ko", "net/netfilter/nft_chain_nat.ko",
	"net/netfilter/nft_masq.ko", "net/netfilter/nft_redir.ko", "net/netfilter/nft_socket.ko", "net/netfilter/nft_tproxy.ko",
	"net/netfilter/nft_fib.ko", "net/netfilter/nft_fib_inet.ko", "net/ipv4/netfilter/nft_fib_ipv4.ko", "net/ipv6/netfilter/nft_fib_ipv6.ko",
	"net/netfilter/nft_reject.ko", "net/netfilter/nft_reject_inet.ko", "net/ipv4/netfilter/nft_reject_ipv4.ko",
	"net/ipv6/netfilter/nft_reject_ipv6.ko", "net/bridge/netfilter/nft_meta_bridge.ko", "net/bridge/netfilter/nft_reject_bridge.ko",
}

// unpackSource unpacks a package of the kernel's source into tree, without large parts that are not needed.
func unpackSource(ctx context.Context, temp, tree, name string) error {
	deb, err := download(ctx, temp, name)
	if err != nil {
		return err
	}
	unpacked := filepath.Join(temp, "source-package")
	if _, err := run(ctx, temp, nil, "dpkg-deb", "--extract", deb, unpacked); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(unpacked, "usr/src/linux-source-*.tar.xz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("package %s holds %d archives of the source, want one", name, len(archives))
	}
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return err
	}
	_, err = run(ctx, temp, nil, "tar", "--extract", "--xz", "--file", archives[0], "--directory", tree, "--strip-components=1",
		"--wildcards", "--no-wildcards-match-slash", "--exclude=*/drivers/gpu/drm/*/*.[ch]", "--exclude=*/drivers/gpu/drm/amd/*/*/*",
		"--exclude=*/tools/testing/*")
	return err
}

// buildModules builds the modules for user-mode Linux with the package's configuration, and puts them into folder. It does not build the
// kernel itself. Therefore a missing symbol shows only when a module is loaded.
func buildModules(ctx context.Context, tree, config, folder string) error {
	text, err := readGzip(config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, ".config"), append(text, userModeOptions...), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, "Module.symvers"), nil, 0o644); err != nil {
		return err
	}
	jobs := "--jobs=" + strconv.Itoa(runtime.NumCPU())
	for _, goals := range [][]string{{"olddefconfig"}, {"modules_prepare"}, userModeModules[:]} {
		if _, err := run(ctx, tree, nil, "make", slices.Concat([]string{jobs, "ARCH=um", "KBUILD_MODPOST_WARN=1"}, goals)...); err != nil {
			return err
		}
	}
	for _, m := range userModeModules {
		to := filepath.Join(folder, m)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(tree, m), to); err != nil {
			return err
		}
	}
	return nil
}

func readGzip(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return append(text, '\n'), nil
}
