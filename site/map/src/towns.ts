// Towns of Zimbabwe, to find one's way by. Coordinates are APPROXIMATE: of the town's centre, to about two kilometres,
// from common knowledge and not from a survey. Rank 1 is shown from afar, 3 only close up.

export interface Town {
  name: string;
  lng: number;
  lat: number;
  rank: 1 | 2 | 3;
}

const LIST: [name: string, lng: number, lat: number, rank: Town["rank"]][] = [
  ["Harare", 31.05, -17.83, 1],
  ["Bulawayo", 28.58, -20.15, 1],
  ["Mutare", 32.67, -18.97, 1],
  ["Gweru", 29.82, -19.45, 1],
  ["Masvingo", 30.83, -20.07, 1],
  ["Chinhoyi", 30.2, -17.37, 2],
  ["Kwekwe", 29.82, -18.93, 2],
  ["Kadoma", 29.92, -18.33, 2],
  ["Marondera", 31.55, -18.19, 2],
  ["Bindura", 31.33, -17.3, 2],
  ["Hwange", 26.5, -18.37, 2],
  ["Victoria Falls", 25.83, -17.93, 2],
  ["Beitbridge", 30.0, -22.22, 2],
  ["Kariba", 28.8, -16.52, 2],
  ["Karoi", 29.68, -16.82, 2],
  ["Chiredzi", 31.67, -21.05, 2],
  ["Zvishavane", 30.07, -20.33, 2],
  ["Gwanda", 29.0, -20.93, 2],
  ["Rusape", 32.13, -18.53, 2],
  ["Chegutu", 30.14, -18.13, 3],
  ["Banket", 30.4, -17.38, 3],
  ["Mvurwi", 30.85, -17.03, 3],
  ["Glendale", 31.07, -17.36, 3],
  ["Concession", 30.95, -17.38, 3],
  ["Shamva", 31.57, -17.31, 3],
  ["Mount Darwin", 31.58, -16.77, 3],
  ["Mutoko", 32.22, -17.4, 3],
  ["Murehwa", 31.78, -17.65, 3],
  ["Norton", 30.7, -17.88, 3],
  ["Ruwa", 31.24, -17.89, 3],
  ["Chivhu", 30.9, -19.02, 3],
  ["Gokwe", 28.93, -18.2, 3],
  ["Shurugwi", 30.0, -19.67, 3],
  ["Plumtree", 27.82, -20.48, 3],
  ["Lupane", 27.8, -18.93, 3],
  ["Binga", 27.33, -17.62, 3],
  ["Chipinge", 32.62, -20.19, 3],
  ["Chimanimani", 32.87, -19.8, 3],
  ["Nyanga", 32.74, -18.22, 3],
  ["Gutu", 31.17, -19.65, 3],
  ["Triangle", 31.45, -21.03, 3],
  ["Mhangura", 30.15, -16.9, 3],
];

export const TOWNS: Town[] = LIST.map(([name, lng, lat, rank]) => ({ name, lng, lat, rank }));
