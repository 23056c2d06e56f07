package compile

import "weft/model/desired"

// Kind is what this package knows of one kind of item.
type Kind struct {
	desired.ItemKind
	// Item is the source that an item of the kind is for others. It is a number of the kind's own: below 32, or above 200 for kinds
	// that are not in AllKinds.
	Item Source
	// Compile adds the item's objects to the result. For an item that is not there it adds nothing.
	Compile func(c Compiler, b *Builder, uid string)
	// Shares lists the groups in which the item is a member by its uid; none when the item is not there, or when it is nil.
	Shares func(c *desired.NodeConfig, uid string) []Read

	// filed is called when the index has taken over items of the kind.
	filed func(x *Index, c *desired.NodeConfig, changed readSet)
}

// Kinds are the kinds of items that a host can compile. It is only read.
type Kinds []Kind

// Items are the kinds of items, as a reader of a node config needs them.
func (list Kinds) Items() desired.Kinds {
	items := make(desired.Kinds, len(list))
	for i := range list {
		items[i] = list[i].ItemKind
	}
	return items
}

// find finds a kind; false when it is not in the list.
func (list Kinds) find(of desired.Kind) (*Kind, bool) {
	for i := range list {
		if list[i].Kind == of {
			return &list[i], true
		}
	}
	return nil, false
}

// read is the read of the item by others. There is only one host, whatever its uid.
func (k *Kind) read(uid string) Read {
	if k.Item == ReadHost {
		uid = ""
	}
	return Read{k.Item, uid}
}

// compiling compiles an item that is found by its uid.
func compiling[T any](find func(*Reader, string) *T, add func(Compiler, *Builder, *T)) func(Compiler, *Builder, string) {
	return func(c Compiler, b *Builder, uid string) {
		if item := find(c.read, uid); item != nil {
			add(c, b, item)
		}
	}
}

// named leaves out groups without a name, because an empty name is not shared.
func named(shares []Read) []Read {
	out := shares[:0]
	for _, s := range shares {
		if s.Name != "" {
			out = append(out, s)
		}
	}
	return out
}
