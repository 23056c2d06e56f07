package etcdschema

import (
	"fmt"
	"regexp"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The names of etcd's superuser and of the roles of this layout.
const (
	RootUser       = "root" // etcd's own name for user and role
	ControllerRole = "weft-controller"
	PeopleRole     = "weft-people"
	nodeRolePrefix = "weft-node-"
)

// NodeRole is the role of one node.
func NodeRole(node string) string { return nodeRolePrefix + node }

// Role is a named set of permissions, ordered by key.
type Role struct {
	Name        string
	Permissions []Permission
}

// NodeRoleOf is what one node may do. It reads its desired state and its orders. It writes its report and its liveness key.
func (c *Client) NodeRoleOf(node string) Role {
	return newRole(NodeRole(node),
		c.allow(NodeDesired(node), true, false),
		c.allow(NodeOrder(node), true, false),
		c.allow(NodeActual(node), true, true),
		Permission{Key: c.FullKey(Live(node)), Read: true, Write: true})
}

// ControllerRoleOf is what controllers may do: read and write everything below root and layout.
func (c *Client) ControllerRoleOf() Role {
	return newRole(ControllerRole, c.allow(Prefix{}, true, true))
}

// PeopleRoleOf is what people may do: write intent and orders, and read everything else except elections.
func (c *Client) PeopleRoleOf() Role {
	return newRole(PeopleRole,
		c.allow(IntentPrefix(), true, true),
		c.allow(OrderPrefix(), true, true),
		c.allow(AcceptedPrefix(), true, false),
		c.allow(StatusPrefix(), true, false),
		c.allow(DesiredPrefix(), true, false),
		c.allow(ActualPrefix(), true, false),
		c.allow(ClaimPrefix(), true, false),
		c.allow(LivePrefix(), true, false),
		c.allow(EventPrefix(), true, false))
}

func (c *Client) allow(p Prefix, read, write bool) Permission {
	from := c.FullPrefix(p)
	return Permission{Key: from, End: clientv3.GetPrefixRangeEnd(from), Read: read, Write: write}
}

func newRole(name string, permissions ...Permission) Role {
	slices.SortFunc(permissions, comparePermission)
	return Role{name, permissions}
}

// account is one user with the role it has.
type account struct{ user, role string }

var (
	nodeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	userName = regexp.MustCompile(`^[A-Za-z0-9]([-._@A-Za-z0-9]{0,62})$`)
)

// accounts checks the names. One certificate must never belong to two users.
func (o SetupOptions) accounts() ([]account, error) {
	var all []account
	taken := map[string]string{RootUser: "etcd's superuser"}
	add := func(names []string, what string, valid *regexp.Regexp, role func(string) string) error {
		for _, n := range names {
			if !valid.MatchString(n) {
				return fmt.Errorf("%s %q: not a usable name: expected letters, digits and hyphens (%s)", what, n, valid)
			}
			if other, ok := taken[n]; ok {
				return fmt.Errorf("%s %q: the name is already that of %s: a user is told by its certificate's common name alone", what, n, other)
			}
			taken[n] = "a " + what
			all = append(all, account{n, role(n)})
		}
		return nil
	}
	for _, err := range []error{
		add(o.Hosts, "host", nodeName, NodeRole),
		add(o.Controllers, "controller", userName, func(string) string { return ControllerRole }),
		add(o.People, "person", userName, func(string) string { return PeopleRole }),
	} {
		if err != nil {
			return nil, err
		}
	}
	for _, h := range o.GoneHosts {
		if other, ok := taken[h]; ok {
			return nil, fmt.Errorf("host %q cannot be removed: its name is also that of %s", h, other)
		}
	}
	return all, nil
}
