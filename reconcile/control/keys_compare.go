package control

import (
	"strings"

	"weft/etcdschema"
)

func compareKeys(a, b etcdschema.Key) int { return strings.Compare(a.String(), b.String()) }
