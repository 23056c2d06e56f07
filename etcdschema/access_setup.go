package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// SetupOptions name the users. Each name is the common name of a certificate, and may occur once.
type SetupOptions struct {
	Hosts       []string // node names
	Controllers []string
	People      []string
	// GoneHosts lose their users and roles. Their certificates then give no access.
	GoneHosts []string
	// EnableAuth turns authentication on at the end. The client must then be root, by certificate or by name.
	EnableAuth bool
	// DryRun only tells what would be done.
	DryRun bool
}

// Setup creates or corrects the roles and users in etcd, root included. It returns what it changed, one line each. What is right
// already is not changed, so Setup can be run again for every new host.
//
//   - Users that are not named are left alone.
//   - The user of a host keeps no role but its own.
//   - A role of this layout keeps no permission but its own.
//   - Where authentication is on, the client must be root.
func Setup(ctx context.Context, c *Client, o SetupOptions) (changes []string, err error) {
	accounts, err := o.accounts()
	if err != nil {
		return nil, fmt.Errorf("etcd setup: %w", err)
	}
	if o.EnableAuth {
		if err := c.isRoot(); err != nil {
			return nil, fmt.Errorf("etcd setup: %w", err)
		}
	}
	if err := c.oldMember(ctx); err != nil {
		return nil, fmt.Errorf("etcd setup: %w", err)
	}
	s := &setup{client: c, dry: o.DryRun}
	if err := s.run(ctx, accounts, o); err != nil {
		return s.changes, fmt.Errorf("etcd setup: %w", explain(err))
	}
	return s.changes, nil
}

// setup makes one pass over roles and users.
type setup struct {
	client  *Client
	dry     bool
	changes []string
}

func (s *setup) run(ctx context.Context, accounts []account, o SetupOptions) error {
	roles := []Role{{Name: RootUser}, s.client.ControllerRoleOf(), s.client.PeopleRoleOf()}
	for _, a := range accounts {
		if a.role != ControllerRole && a.role != PeopleRole {
			roles = append(roles, s.client.NodeRoleOf(a.user))
		}
	}
	for _, r := range roles {
		if err := s.role(ctx, r); err != nil {
			return err
		}
	}
	for _, a := range append([]account{{RootUser, RootUser}}, accounts...) {
		if err := s.user(ctx, a); err != nil {
			return err
		}
	}
	for _, host := range o.GoneHosts {
		if err := s.remove(ctx, host); err != nil {
			return err
		}
	}
	if !o.EnableAuth {
		return nil
	}
	status, err := call(ctx, s.client.etcd.AuthStatus)
	if err != nil || status.Enabled {
		return err
	}
	return s.change(ctx, "enable authentication", func(ctx context.Context) error {
		_, err := s.client.etcd.AuthEnable(ctx)
		return err
	})
}

// remove deletes the user and the role of a host, if they exist.
func (s *setup) remove(ctx context.Context, host string) error {
	etcd := s.client.etcd
	_, err := call(ctx, func(ctx context.Context) (*clientv3.AuthUserGetResponse, error) { return etcd.UserGet(ctx, host) })
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrUserNotFound):
	case err != nil:
		return fmt.Errorf("user %s: %w", host, err)
	default:
		if err := s.change(ctx, "delete user "+host, func(ctx context.Context) error {
			_, err := etcd.UserDelete(ctx, host)
			return err
		}); err != nil {
			return err
		}
	}
	role := NodeRole(host)
	_, err = call(ctx, func(ctx context.Context) (*clientv3.AuthRoleGetResponse, error) { return etcd.RoleGet(ctx, role) })
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrRoleNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("role %s: %w", role, err)
	}
	return s.change(ctx, "delete role "+role, func(ctx context.Context) error {
		_, err := etcd.RoleDelete(ctx, role)
		return err
	})
}

// call runs one request to etcd with the deadline of this package.
func call[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	return request(ctx)
}

func (s *setup) change(ctx context.Context, what string, do func(context.Context) error) error {
	if !s.dry {
		ctx, cancel := withDeadline(ctx)
		defer cancel()
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	s.changes = append(s.changes, what)
	return nil
}

func (s *setup) role(ctx context.Context, want Role) error {
	have, err := call(ctx, func(ctx context.Context) (*clientv3.AuthRoleGetResponse, error) {
		return s.client.etcd.RoleGet(ctx, want.Name)
	})
	var permissions []Permission
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrRoleNotFound):
		if err := s.change(ctx, "add role "+want.Name, func(ctx context.Context) error {
			_, err := s.client.etcd.RoleAdd(ctx, want.Name)
			return err
		}); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("role %s: %w", want.Name, err)
	default:
		for _, p := range have.Perm {
			permissions = append(permissions, permissionOf(p))
		}
	}
	if want.Name == RootUser { // etcd lets root do everything because of its name
		return nil
	}
	return s.permissions(ctx, want, permissions)
}

func (s *setup) permissions(ctx context.Context, want Role, have []Permission) error {
	for _, p := range have {
		if slices.ContainsFunc(want.Permissions, func(w Permission) bool { return comparePermission(w, p) == 0 }) {
			continue
		}
		if err := s.change(ctx, fmt.Sprintf("role %s: revoke %s", want.Name, p), func(ctx context.Context) error {
			_, err := s.client.etcd.RoleRevokePermission(ctx, want.Name, p.Key, p.End)
			return err
		}); err != nil {
			return err
		}
	}
	for _, p := range want.Permissions {
		if slices.Contains(have, p) {
			continue
		}
		if err := s.change(ctx, fmt.Sprintf("role %s: grant %s", want.Name, p), func(ctx context.Context) error {
			_, err := s.client.etcd.RoleGrantPermission(ctx, want.Name, p.Key, p.End, p.kind())
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *setup) user(ctx context.Context, a account) error {
	have, err := call(ctx, func(ctx context.Context) (*clientv3.AuthUserGetResponse, error) {
		return s.client.etcd.UserGet(ctx, a.user)
	})
	var roles []string
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrUserNotFound):
		if err := s.change(ctx, "add user "+a.user, func(ctx context.Context) error {
			_, err := s.client.etcd.UserAddWithOptions(ctx, a.user, "", &clientv3.UserAddOptions{NoPassword: true})
			return err
		}); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("user %s: %w", a.user, err)
	default:
		roles = have.Roles
	}
	if a.role == NodeRole(a.user) {
		for _, r := range roles {
			if r == a.role {
				continue
			}
			if err := s.change(ctx, fmt.Sprintf("user %s: revoke role %s", a.user, r), func(ctx context.Context) error {
				_, err := s.client.etcd.UserRevokeRole(ctx, a.user, r)
				return err
			}); err != nil {
				return err
			}
		}
	}
	if slices.Contains(roles, a.role) {
		return nil
	}
	return s.change(ctx, fmt.Sprintf("user %s: grant role %s", a.user, a.role), func(ctx context.Context) error {
		_, err := s.client.etcd.UserGrantRole(ctx, a.user, a.role)
		return err
	})
}

// isRoot returns an error if the client is not root: it would lock itself out by turning authentication on.
func (c *Client) isRoot() error {
	if c.config.Username == RootUser {
		return nil
	}
	const hint = "authentication can only be turned on by root, else nobody could turn it off: " +
		"give a client certificate with the common name \"root\""
	if c.config.TLS.CertFile == "" || c.config.Username != "" {
		return errors.New(hint)
	}
	name, err := c.config.TLS.CommonName()
	if err != nil {
		return err
	}
	if name != RootUser {
		return fmt.Errorf("%s, not %q", hint, name)
	}
	return nil
}
