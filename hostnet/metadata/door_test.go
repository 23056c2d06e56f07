package metadata

import (
	"encoding/json"
	"testing"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every port of accepted intent is served. Its documents are whole, and the guest may ask from each of its addresses.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			b, is := o.(*object.MetadataBinding)
			switch {
			case is && b.HostNet:
				servedOnHostNet(t, b)
			case is:
				served(t, b)
			}
		}
	})
}

// servedOnHostNet says that the guest of the binding reaches exactly the services listed.
func servedOnHostNet(t limits.T, b *object.MetadataBinding) {
	if !mayUse(b, object.HostNetGuest.Addr()) {
		t.Fatalf("%s: the guest may not use its address", b.Key())
	}
	for _, s := range append(b.Services, object.HostService{Port: object.MetadataPort}, object.HostService{Port: 1}) {
		o := judge(b, synTo(b.MAC, object.HostNetGuest.Addr().String(), object.HostNetIPv4.String(), s.Port))
		if reached := o.packet != nil; reached != (s.Name != "") {
			t.Fatalf("%s: port %d is reached: %v (%s)", b.Key(), s.Port, reached, o.rejected)
		}
	}
}

// served reads the documents as the guest of the binding.
func served(t limits.T, b *object.MetadataBinding) {
	files := documentsOf(b).files
	var about struct {
		UUID, Name, Hostname string
		Meta                 map[string]string
		Keys                 []struct{ Data string }
	}
	read(t, b, files["openstack/latest/meta_data.json"], &about)
	if about.UUID != b.OwnerUID || about.Name == "" || about.Hostname == "" || len(about.Meta) != len(b.Words) || len(about.Keys) != len(b.SSHKeys) {
		t.Fatalf("%s: meta_data.json is not whole: %+v", b.Key(), about)
	}
	var network struct {
		Links    []struct{ MTU int }
		Networks []struct{ Type string }
	}
	read(t, b, files["openstack/latest/network_data.json"], &network)
	links := 1
	if b.HostNIC != (object.MAC{}) {
		links = 2
	}
	if len(network.Links) != links || network.Links[0].MTU != b.MTU || len(network.Networks) == 0 && len(b.Addresses) > 0 {
		t.Fatalf("%s: network_data.json is not whole: %+v", b.Key(), network)
	}
	if data, is := files["openstack/latest/user_data"]; is != (len(b.UserData) > 0) || string(data) != string(b.UserData) {
		t.Fatalf("%s: %d bytes of user data are served, expected %d", b.Key(), len(data), len(b.UserData))
	}
	for _, a := range b.Addresses {
		if !mayUse(b, a.Addr()) {
			t.Fatalf("%s: the guest may not ask from %s", b.Key(), a)
		}
	}
}

func read(t limits.T, b *object.MetadataBinding, data []byte, into any) {
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v in %q", b.Key(), err, data)
	}
}
