package isoimage

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func someFiles() []File {
	list := []File{
		{"openstack/latest/meta_data.json", []byte(`{"uuid": "x"}`)},
		{"openstack/latest/network_data.json", bytes.Repeat([]byte("n"), 5000)},
		{"openstack/2018-08-27/meta_data.json", []byte(`{"uuid": "x"}`)},
		{"ec2/latest/user-data", nil},
		{"network-config", bytes.Repeat([]byte("c"), 2048)},
	}
	for i := range 60 { // more than a block of records
		list = append(list, File{fmt.Sprintf("many/a-rather-long-name-%d", i), []byte(fmt.Sprint(i))})
	}
	return list
}

func contents(files []File) map[string]string {
	all := map[string]string{}
	for _, f := range files {
		all[f.Path] = string(f.Data)
	}
	return all
}

// TestBytesAreReadBack: each file is there with its own content, under its Rock Ridge name, its Joliet name and its plain name.
func TestBytesAreReadBack(t *testing.T) {
	t.Parallel()
	image, err := Bytes("config-2", someFiles())
	if err != nil {
		t.Fatal(err)
	}
	for i, label := range []string{"config-2", ucs2("config-2")} {
		if at := image[(firstDescriptor+i)*blockSize+40:]; !bytes.HasPrefix(at, []byte(label)) {
			t.Errorf("volume %d has the label %q", i, at[:32])
		}
	}
	want := contents(someFiles())
	if diff := cmp.Diff(want, read(t, image, 0, rockRidgeName)); diff != "" {
		t.Errorf("Rock Ridge (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, read(t, image, 1, jolietName)); diff != "" {
		t.Errorf("Joliet (-want +got):\n%s", diff)
	}
	plain := read(t, image, 0, func(id string, _ []byte) string { return id })
	if _, ok := plain["OPENSTACK/LATEST/META_DATA.JSON;1"]; !ok || len(plain) != len(want) {
		t.Errorf("plain names: %v", plain)
	}
}

// TestBytesAreTheSame: the order in which files are given is not in them.
func TestBytesAreTheSame(t *testing.T) {
	t.Parallel()
	first, err := Bytes("cidata", someFiles())
	if err != nil {
		t.Fatal(err)
	}
	files := someFiles()
	files[0], files[4] = files[4], files[0]
	second, err := Bytes("cidata", files)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two images of the same files differ, %v", err)
	}
}

func TestWhatIsNoImage(t *testing.T) {
	t.Parallel()
	for _, files := range [][]File{
		{{"../x", nil}}, {{"/x", nil}}, {{"a/../x", nil}}, {{"", nil}}, {{".", nil}}, {{"a//b", nil}}, {{"a b", nil}}, {{"ä", nil}}, {{"a;1", nil}},
		{{strings.Repeat("a", MaxName+1), nil}}, {{"a/b/c/d/e/f/g/h", nil}}, {{"a", nil}, {"a", nil}}, {{"a", nil}, {"A", nil}},
		{{"a", nil}, {"a/b", nil}}, {{"a/b", nil}, {"a", nil}}, {{"big", make([]byte, MaxBytes+1)}},
	} {
		if _, err := Bytes("config-2", files); err == nil {
			t.Errorf("%q is taken", files[len(files)-1].Path)
		}
	}
	for _, label := range []string{"", "a-label-that-is-too-long", "a b", "ä", "a\n"} {
		if _, err := Bytes(label, someFiles()); err == nil {
			t.Errorf("label %q is taken", label)
		}
	}
}
