package view

import (
	"weft/etcdschema"
	"weft/model"
)

// macClaims is the claim on the MAC that was allocated to the object; none when it has no MAC.
func macClaims(e Entry) []etcdschema.Key {
	if mac := e.Status.Allocated.MAC; !mac.IsZero() {
		return []etcdschema.Key{etcdschema.MACClaim(mac)}
	}
	return nil
}

// addressClaims are the claims on addresses of the network with this uid.
func addressClaims(network string, addresses []model.Address) []etcdschema.Key {
	keys := make([]etcdschema.Key, len(addresses))
	for i, a := range addresses {
		keys[i] = etcdschema.AddressClaim(network, a)
	}
	return keys
}
