package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// givesAddresses is an error that names the objects which have addresses of those to be deleted, such as the ports of an address pool. It
// lists the claims of a network only if a kind that gives addresses is among them.
func givesAddresses(ctx context.Context, st store, ids []model.ID, goes map[model.ID]bool) error {
	going := make(map[string]bool, len(goes))
	for id := range goes {
		going[id.String()] = true
	}
	var errs []error
	for _, id := range ids {
		gives := view.Of(id.Kind).Gives
		if gives == nil {
			continue
		}
		users, err := addressUsers(ctx, st, id, gives, going)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			errs = append(errs, fmt.Errorf("%s: %s in use by %s: delete them first, or add --force; it then goes when its last address is released",
				id, addressesAre(len(users)), terminal.Enumerate(users)))
		}
	}
	return errors.Join(errs...)
}

func addressesAre(n int) string {
	if n == 1 {
		return "1 of its addresses is"
	}
	return fmt.Sprintf("%d of its addresses are", n)
}

// addressUsers lists who has addresses of an object and stays, as "Port alpha/web (10.0.0.5)", in the order of their addresses.
func addressUsers(ctx context.Context, st store, id model.ID, gives func(model.Object) (model.ID, func(model.Address) bool),
	going map[string]bool) ([]string, error) {
	r := &recordReader{ctx: ctx, st: st}
	acc := recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(id))
	if acc == nil {
		return nil, r.err
	}
	networkID, has := gives(acc.Object)
	network := recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(networkID))
	if network == nil || has == nil {
		return nil, r.err
	}
	items, _, err := st.List(ctx, etcdschema.AddressClaims(network.UID))
	if err != nil {
		return nil, err
	}
	type user struct {
		name    string
		address model.Address
	}
	var users []user
	for _, i := range items {
		_, a, ok := etcdschema.ParseAddressClaim(i.Key)
		cl, err := etcdschema.Decode[etcdschema.Claim](i.Value)
		switch {
		case !ok || err != nil || !has(a):
		case cl.State != etcdschema.ClaimBound || cl.Owner == network.UID || going[cl.For]:
		default:
			users = append(users, user{cl.For, a})
		}
	}
	slices.SortFunc(users, func(a, b user) int { return a.address.Compare(b.address.Addr) })
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = fmt.Sprintf("%s (%s)", u.name, u.address)
	}
	return names, nil
}
