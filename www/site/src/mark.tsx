// The project's mark: a round table with five seats, one of them one's own.
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="30" height="30" aria-hidden="true">
      <circle cx="16" cy="16" r="8.5" class="mark-table" />
      <g class="mark-seats">
        <circle cx="16" cy="7.5" r="2.7" />
        <circle cx="24.1" cy="13.4" r="2.7" />
        <circle cx="21" cy="22.9" r="2.7" />
        <circle cx="7.9" cy="13.4" r="2.7" />
      </g>
      <circle cx="11" cy="22.9" r="3.4" class="mark-self" />
    </svg>
  );
}
