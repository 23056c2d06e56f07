package guestconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// openStackVersion is one folder of OpenStack's metadata, with the documents that Nova added in it (nova/api/metadata/base.py).
type openStackVersion struct {
	name                         string
	vendorData, network, vendor2 bool
}

func openStackVersions() []openStackVersion {
	return []openStackVersion{
		{"2012-08-10", false, false, false}, {"2013-04-04", false, false, false}, {"2013-10-17", true, false, false},
		{"2015-10-15", true, true, false}, {"2016-06-30", true, true, false}, {"2016-10-06", true, true, true},
		{"2017-02-22", true, true, true}, {"2018-08-27", true, true, true}, {"2020-10-14", true, true, true}, {"latest", true, true, true},
	}
}

// metaData is meta_data.json. A map's keys are written in order, so the bytes are always the same.
type metaData struct {
	UUID        string            `json:"uuid"`
	Name        string            `json:"name"`
	Hostname    string            `json:"hostname"`
	ProjectID   string            `json:"project_id"`
	LaunchIndex int               `json:"launch_index"`
	Zone        string            `json:"availability_zone"`
	Meta        map[string]string `json:"meta,omitempty"`
	PublicKeys  map[string]string `json:"public_keys,omitempty"`
	Keys        []keyPair         `json:"keys,omitempty"`
	Devices     []struct{}        `json:"devices"`
}

type keyPair struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data string `json:"data"`
}

// zone is the only availability zone that a guest is told: Weft has none.
const zone = "weft"

func metaDataOf(g Guest) metaData {
	m := metaData{UUID: g.InstanceID, Name: g.Name, Hostname: g.FQDN(), ProjectID: g.Project, Zone: zone, Devices: []struct{}{}}
	if len(g.Metadata) > 0 {
		m.Meta = map[string]string{}
	}
	for _, i := range g.Metadata {
		m.Meta[i.Key] = i.Value
	}
	if len(g.SSHKeys) > 0 {
		m.PublicKeys = map[string]string{}
	}
	for i, key := range g.SSHKeys {
		name := fmt.Sprintf("key-%02d", i)
		m.PublicKeys[name] = key
		m.Keys = append(m.Keys, keyPair{name, "ssh", key})
	}
	return m
}

// OpenStack are the files below openstack/ and ec2/: what a config drive contains and a metadata service serves.
func OpenStack(g Guest) []File {
	meta, network, none := document(metaDataOf(g)), document(networkDataOf(g)), []byte("{}\n")
	var files []File
	add := func(folder, name string, data []byte) {
		files = append(files, File{Path: folder + "/" + name, Mode: 0o600, Data: data})
	}
	for _, v := range openStackVersions() {
		folder := "openstack/" + v.name
		add(folder, "meta_data.json", meta)
		if len(g.UserData) > 0 {
			add(folder, "user_data", g.UserData)
		}
		if v.vendorData {
			add(folder, "vendor_data.json", none)
		}
		if v.vendor2 {
			add(folder, "vendor_data2.json", none)
		}
		if v.network {
			add(folder, "network_data.json", network)
		}
	}
	ec2 := document(ec2Of(g))
	for _, version := range []string{"2009-04-04", "latest"} {
		add("ec2/"+version, "meta-data.json", ec2)
		if len(g.UserData) > 0 {
			add("ec2/"+version, "user-data", g.UserData)
		}
	}
	return files
}

// ec2MetaData is what EC2's metadata service tells, as far as Weft knows it.
type ec2MetaData struct {
	InstanceID    string            `json:"instance-id"`
	AMIID         string            `json:"ami-id"`
	LaunchIndex   int               `json:"ami-launch-index"`
	Hostname      string            `json:"hostname"`
	LocalHostname string            `json:"local-hostname"`
	LocalIPv4     string            `json:"local-ipv4,omitempty"`
	MAC           string            `json:"mac,omitempty"`
	Placement     map[string]string `json:"placement"`
	PublicKeys    map[string]ec2Key `json:"public-keys,omitempty"`
}

type ec2Key struct {
	OpenSSH string `json:"openssh-key"`
}

func ec2Of(g Guest) ec2MetaData {
	m := ec2MetaData{InstanceID: fmt.Sprintf("i-%x", sha256.Sum256([]byte(g.InstanceID)))[:10], AMIID: "ami-00000000",
		Hostname: g.FQDN(), LocalHostname: g.FQDN(), Placement: map[string]string{"availability-zone": zone}}
	if len(g.SSHKeys) > 0 {
		m.PublicKeys = map[string]ec2Key{}
	}
	for i, key := range g.SSHKeys {
		m.PublicKeys[fmt.Sprint(i)] = ec2Key{key}
	}
	if len(g.NICs) > 0 {
		m.MAC = g.NICs[0].MAC.String()
		for _, a := range g.NICs[0].Addresses {
			if a.Addr().Is4() {
				m.LocalIPv4 = a.Addr().String()
				break
			}
		}
	}
	return m
}

// document is a value as JSON that people can read.
func document(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil { // the types of this package can be encoded
		panic(fmt.Sprintf("guestconfig: %v", err))
	}
	return b.Bytes()
}

// quoted is a text in double quotes, for YAML, of which JSON is a part.
func quoted(s string) string { return strings.TrimSuffix(string(document(s)), "\n") }
