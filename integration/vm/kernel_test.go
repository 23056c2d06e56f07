package vm

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func bzImage(payload []byte) []byte {
	image := make([]byte, 4*sector)
	image[setupSectors] = 1
	copy(image[setupMagic:], "HdrS")
	binary.LittleEndian.PutUint32(image[payloadOffset:], 16)
	binary.LittleEndian.PutUint32(image[payloadLength:], uint32(len(payload)+4))
	image = append(image[:2*sector+16], payload...)
	return append(image, "size and what follows"...)
}

func TestCutPayload(t *testing.T) {
	t.Parallel()
	for magic, tool := range map[string]string{"\xfd7zXZ\x00": "xz", "\x28\xb5\x2f\xfd": "zstd", "\x1f\x8b": "gzip"} {
		want := []byte(magic + "the kernel")
		p, err := cutPayload(bzImage(want))
		if err != nil || !bytes.Equal(p.data, want) || p.decompress[0] != tool {
			t.Errorf("payload of %s: %q, by %v, error %v", tool, p.data, p.decompress, err)
		}
	}
}

func TestCutPayloadRefuses(t *testing.T) {
	t.Parallel()
	good := bzImage([]byte("\x1f\x8bkernel"))
	outside := slices.Clone(good)
	binary.LittleEndian.PutUint32(outside[payloadLength:], 0xffffffff)
	for name, image := range map[string][]byte{
		"empty": nil, "short": good[:100], "no magic": make([]byte, 4096), "outside": outside,
		"unknown compressor": bzImage([]byte("LZIPkernel")), "no payload": bzImage(nil),
	} {
		if p, err := cutPayload(image); err == nil {
			t.Errorf("%s: got a payload of %d bytes", name, len(p.data))
		}
	}
}

func FuzzCutPayload(f *testing.F) {
	f.Add(bzImage([]byte("\x1f\x8bkernel")))
	f.Fuzz(func(t *testing.T, image []byte) {
		if p, err := cutPayload(image); err == nil && (len(p.decompress) == 0 || len(p.data) > len(image)) {
			t.Errorf("payload of %d bytes by %v from %d", len(p.data), p.decompress, len(image))
		}
	})
}

func TestModuleOrder(t *testing.T) {
	t.Parallel()
	dep := "kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko\n" +
		"kernel/net/9p/9pnet.ko:\nkernel/fs/netfs/netfs.ko:\n" +
		"kernel/net/9p/9pnet-virtio.ko.xz: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio.ko:\n"
	got, err := moduleOrder(dep, "kernel/fs/overlayfs/overlay.ko\n", []string{"9p", "overlay", "9pnet_virtio"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"kernel/fs/netfs/netfs.ko", "kernel/net/9p/9pnet.ko", "kernel/fs/9p/9p.ko",
		"kernel/drivers/virtio/virtio.ko", "kernel/net/9p/9pnet-virtio.ko.xz"}
	if !slices.Equal(got, want) {
		t.Errorf("order:\n%v\nwant\n%v", got, want)
	}
	if _, err := moduleOrder(dep, "", []string{"overlay"}); err == nil {
		t.Error("a module that is neither there nor built in is no error")
	}
}

func TestCpioArchive(t *testing.T) {
	t.Parallel()
	got := string(cpioArchive([]cpioFile{{name: "dev", mode: cpioDirectory}, {name: "init", mode: cpioProgram, data: []byte("hello")}}))
	want := "070701" + "00000001" + "000041ed" + "0000000000000000" + "00000001" + "00000000" + "00000000" +
		"00000000000000000000000000000000" + "00000004" + "00000000" + "dev\x00\x00\x00" +
		"070701" + "00000002" + "000081ed" + "0000000000000000" + "00000001" + "00000000" + "00000005" +
		"00000000000000000000000000000000" + "00000005" + "00000000" + "init\x00\x00" + "hello\x00\x00\x00" +
		"070701" + "00000000" + "00000000" + "0000000000000000" + "00000001" + "00000000" + "00000000" +
		"00000000000000000000000000000000" + "0000000b" + "00000000" + "TRAILER!!!\x00\x00\x00\x00"
	if got != want {
		t.Errorf("archive:\n%q\nwant\n%q", got, want)
	}
}

func TestSourcePackage(t *testing.T) {
	t.Parallel()
	if got, want := sourcePackage.FindString("linux-source-6.18 (= 6.18.5-1~bpo13+1)"), "linux-source-6.18"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, bad := range []string{"", "linux-source", "linux-headers-6.18", "linux-source-next"} {
		if got := sourcePackage.FindString(bad); got != "" {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}

func TestLostOptions(t *testing.T) {
	t.Parallel()
	got := lostOptions("# why\nCONFIG_A=y\n\nCONFIG_B=m\nCONFIG_C=y\n", "CONFIG_A=y\n# CONFIG_C is not set\nCONFIG_B=y\nCONFIG_D=y\n")
	if want := []string{"CONFIG_B=m", "CONFIG_C=y"}; !slices.Equal(got, want) {
		t.Errorf("lost %q, want %q", got, want)
	}
}

func TestCachedUserModeIsWhole(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	older, root := filepath.Join(cache, userModePrefix+"6.18.5-1"), filepath.Join(cache, userModePrefix+"6.18.5-1"+userModeEdition)
	for _, r := range []string{older, root} {
		if err := os.MkdirAll(filepath.Join(r, "lib/modules/6.18.5-weft"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(older, userModeImage), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if k, ok := cachedUserMode(cache); ok {
		t.Errorf("a folder without the kernel, or of an older edition, is taken for whole: %+v", k)
	}
	image := filepath.Join(root, userModeImage)
	if err := os.WriteFile(image, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if k, ok := cachedUserMode(cache); !ok || k != (Kernel{Release: "6.18.5-weft", Image: image, Root: root}) {
		t.Errorf("the cache has %+v, %v", k, ok)
	}
	if k, ok := cachedKernel(cache); ok {
		t.Errorf("QEMU would boot %+v", k)
	}
}
