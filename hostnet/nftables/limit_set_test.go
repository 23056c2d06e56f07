package nftables

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"weft/hostnet/netlink"
)

var broadcast = &nftables.Set{Table: &nftables.Table{Name: "weft", Family: nftables.TableFamilyBridge}, Name: "broadcast"}

// readElements reads the elements of a message.
func readElements(data []byte) (found []LimitElement, err error) {
	err = eachElement(data, func(element []byte) error {
		e, err := parseLimitElement(unix.NFPROTO_BRIDGE, element)
		found = append(found, e)
		return err
	})
	return found, err
}

// TestLimitElementsRoundTrip: what is written is read back, and a removal names the keys alone.
func TestLimitElementsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var list []LimitElement
		for range rapid.IntRange(0, 5).Draw(t, "elements") {
			list = append(list, LimitElement{Key: rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"), Comment: rapid.StringMatching(`[a-z0-9-]{1,15}`).Draw(t, "comment"),
				Rate: rapid.Uint32().Draw(t, "rate"), Burst: rapid.Uint32().Draw(t, "burst")})
		}
		for _, limited := range []bool{true, false} {
			r := newSetRequest(unix.NFT_MSG_NEWSETELEM, netlink.FlagsAct, broadcast)
			if err := appendElements(r, unix.NFPROTO_BRIDGE, list, limited); err != nil {
				t.Fatal(err)
			}
			got, err := readElements(r.Body())
			if err != nil || len(got) != len(list) {
				t.Fatalf("%+v is read as %+v: %v", list, got, err)
			}
			for i, want := range list {
				if !limited {
					want = LimitElement{Key: want.Key}
				}
				if !bytes.Equal(got[i].Key, want.Key) || got[i].Comment != want.Comment || got[i].Rate != want.Rate || got[i].Burst != want.Burst {
					t.Errorf("%+v is read as %+v", want, got[i])
				}
			}
		}
	})
}

// TestOtherLimitsAreNone: a limit that lets pass what it should stop, or that counts something else, is not taken for ours.
func TestOtherLimitsAreNone(t *testing.T) {
	t.Parallel()
	message := func() []byte {
		r := newSetRequest(unix.NFT_MSG_NEWSETELEM, netlink.FlagsAct, broadcast)
		if err := appendElements(r, unix.NFPROTO_BRIDGE, []LimitElement{{Key: make([]byte, 16), Comment: "tap1", Rate: 0x01020304, Burst: 0x05060708}}, true); err != nil {
			t.Fatal(err)
		}
		return r.Body()
	}
	// The attributes of a limit: rate, unit, burst, type, flags.
	at := bytes.Index(message(), binary.BigEndian.AppendUint64(nil, 0x01020304))
	for what, offset := range map[string]int{"a rate of more than 32 bits": at + 3, "another unit": at + 12 + 7, "bytes": at + 12 + 12 + 8 + 3, "up to the rate": at + 12 + 12 + 8 + 8 + 3} {
		data := message()
		data[offset] ^= 1
		got, err := readElements(data)
		if err != nil || len(got) != 1 || got[0].Rate != 0 || got[0].Burst != 0 || got[0].Comment != "tap1" {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if got, err := readElements(message()); err != nil || got[0].Rate != 0x01020304 || got[0].Burst != 0x05060708 {
		t.Errorf("ours: %+v, %v", got, err)
	}
	name := message()
	copy(name[bytes.Index(name, []byte("limit\x00")):], "quota")
	if got, err := readElements(name); err != nil || got[0].Rate != 0 {
		t.Errorf("a quota: %+v, %v", got, err)
	}
}

// FuzzLimitElements: nothing that looks like elements breaks the reader.
func FuzzLimitElements(f *testing.F) {
	r := newSetRequest(unix.NFT_MSG_NEWSETELEM, netlink.FlagsAct, broadcast)
	if err := appendElements(r, unix.NFPROTO_BRIDGE, []LimitElement{{Key: make([]byte, 16), Comment: "tap1", Rate: 10, Burst: 20}}, true); err != nil {
		f.Fatal(err)
	}
	f.Add(r.Body())
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := readElements(data)
		for _, e := range found {
			if err == nil && len(e.Key) > len(data) {
				t.Errorf("a key of %d bytes from %d", len(e.Key), len(data))
			}
		}
	})
}
