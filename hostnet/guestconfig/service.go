package guestconfig

import (
	"fmt"
	"strings"
)

// ec2Versions are the folders of EC2's metadata, as Nova has them (nova/api/metadata/base.py). cloud-init knows 2009-04-04 and latest. It
// falls back to them where it asks for a newer one.
func ec2Versions() []string {
	return []string{"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", "latest"}
}

// ServiceFiles is what a metadata service has, by path. A folder's path ends in a slash and its data lists what is in it, one name on each
// line, folders with a slash at the end. The root is "/", and all other paths begin without a slash.
type ServiceFiles map[string][]byte

// Service are the documents of the metadata service: OpenStack's below openstack/, the same as on a config drive, and EC2's below each of
// its versions. The versions of EC2 share their data.
func Service(g Guest) ServiceFiles {
	files := ServiceFiles{}
	versions := []string{}
	for _, f := range OpenStack(g) {
		rest, ok := strings.CutPrefix(f.Path, "openstack/")
		if !ok {
			continue // the form of EC2's data on a config drive
		}
		files[f.Path] = f.Data
		version, name, _ := strings.Cut(rest, "/")
		folder := "openstack/" + version + "/"
		if files[folder] == nil {
			versions = append(versions, version)
			files[folder] = []byte(name)
			continue
		}
		files[folder] = append(append(files[folder], '\n'), name...)
	}
	// Versions stand without a slash: cloud-init compares whole lines.
	files["openstack/"] = lines(versions...)
	tree, top := ec2Leaves(g), []string{"meta-data/"}
	if len(g.UserData) > 0 {
		top = append(top, "user-data")
	}
	for _, version := range ec2Versions() {
		files[version+"/"] = lines(top...)
		if len(g.UserData) > 0 {
			files[version+"/user-data"] = g.UserData
		}
		for path, data := range tree {
			files[version+"/meta-data/"+path] = data
		}
	}
	files["/"] = lines(append(ec2Versions(), "openstack")...)
	return files
}

// ec2Leaves are EC2's values and folders below meta-data/.
func ec2Leaves(g Guest) ServiceFiles {
	m, files := ec2Of(g), ServiceFiles{}
	var top []string
	leaf := func(name, value string) {
		if value != "" {
			top = append(top, name)
			files[name] = []byte(value)
		}
	}
	leaf("ami-id", m.AMIID)
	leaf("ami-launch-index", fmt.Sprint(m.LaunchIndex))
	leaf("hostname", m.Hostname)
	leaf("instance-id", m.InstanceID)
	leaf("local-hostname", m.LocalHostname)
	leaf("local-ipv4", m.LocalIPv4)
	leaf("mac", m.MAC)
	top = append(top, "placement/")
	files["placement/"] = lines("availability-zone")
	files["placement/availability-zone"] = []byte(zone)
	if len(g.SSHKeys) > 0 {
		top = append(top, "public-keys/")
		var names []string
		for i, key := range g.SSHKeys {
			names = append(names, fmt.Sprintf("%d=key-%02d", i, i))
			folder := fmt.Sprintf("public-keys/%d/", i)
			files[folder] = lines("openssh-key")
			files[folder+"openssh-key"] = []byte(key)
		}
		files["public-keys/"] = lines(names...)
	}
	files[""] = lines(top...)
	return files
}

// lines is a listing. It has no end of line at its end, as EC2's has none: some clients take an empty line for a name.
func lines(names ...string) []byte { return []byte(strings.Join(names, "\n")) }
