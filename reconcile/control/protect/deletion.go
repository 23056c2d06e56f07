package protect

import (
	"time"

	"weft/model"
)

// deletion is an order that names objects which may be deleted. They do not count as a mass deletion.
type deletion struct {
	ids   map[model.ID]struct{}
	heard time.Time
}
