package etcdschema

import (
	"cmp"

	"go.etcd.io/etcd/api/v3/authpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Permission allows to read, to write, or both. It covers one key (End empty) or the range of keys from Key up to End. Keys include
// root and layout.
type Permission struct {
	Key, End    string
	Read, Write bool
}

func comparePermission(a, b Permission) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.End, b.End))
}

// String writes the permission as people read it: "read /weft/v1/order/h1/*".
func (p Permission) String() string {
	s := "write "
	switch {
	case p.Read && p.Write:
		s = "read and write "
	case p.Read:
		s = "read "
	}
	switch p.End {
	case "":
		return s + p.Key
	case clientv3.GetPrefixRangeEnd(p.Key):
		return s + p.Key + "*"
	}
	return s + p.Key + " up to " + p.End
}

func (p Permission) kind() clientv3.PermissionType {
	switch {
	case p.Read && p.Write:
		return clientv3.PermissionType(clientv3.PermReadWrite)
	case p.Write:
		return clientv3.PermissionType(clientv3.PermWrite)
	}
	return clientv3.PermissionType(clientv3.PermRead)
}

func permissionOf(p *authpb.Permission) Permission {
	return Permission{
		Key: string(p.Key), End: string(p.RangeEnd),
		Read:  p.PermType == authpb.Permission_READ || p.PermType == authpb.Permission_READWRITE,
		Write: p.PermType == authpb.Permission_WRITE || p.PermType == authpb.Permission_READWRITE,
	}
}
